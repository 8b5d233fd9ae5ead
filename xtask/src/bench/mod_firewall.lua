-- Runs scripts in Debian's mod_firewall, without a server around it, and prints what a stanza costs.
--
-- lua mod_firewall.lua FOLDER NAME:SCRIPT:MESSAGE ...
--
-- FOLDER holds the scripts, their lists and the messages. One line `NAME nanoseconds` is printed for each; a script
-- that does not compile gives `NAME failed` and the reason.

local folder = arg[1]
package.path = "/usr/lib/prosody/?.lua;" .. package.path
package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath
local modules = "/usr/lib/prosody/modules/mod_firewall/"

-- What the module asks of the server.
package.loaded["core.configmanager"] = { resolve_relative_path = function(_, path) return path end }
package.loaded["core.usermanager"] = { is_admin = function() return false end }
package.loaded["core.rostermanager"] = {
	load_roster = function() return {} end,
	is_contact_subscribed = function() return false end,
}
package.loaded["net.http"] = { request = function() end }
package.loaded["util.timer"] = { add_task = function() end }
-- A millisecond passes from stanza to stanza, as in our benchmark, so that no limit is reached.
local clock = 1700000000
package.loaded["util.time"] = { now = function() clock = clock + 0.001; return clock end, monotonic = os.clock }
package.loaded["util.logger"] = { init = function() return function() end end }
local xmppstream = require "util.xmppstream"
local set = require "util.set"

local juliet = { type = "c2s", username = "juliet", host = "localhost", resource = "balcony", full_jid = "juliet@localhost/balcony" }
local romeo = { type = "c2s", username = "romeo", host = "localhost", resource = "garden", full_jid = "romeo@localhost/garden" }
for _, session in ipairs { juliet, romeo } do
	session.log = function() end
	session.send = function() end
	session.roster = {}
end
prosody = {
	hosts = { localhost = { sessions = {}, modules = {} } },
	paths = { config = folder },
	full_sessions = { ["juliet@localhost/balcony"] = juliet, ["romeo@localhost/garden"] = romeo },
	bare_sessions = {},
	events = {},
	core_post_stanza = function() end,
}
hosts, full_sessions, bare_sessions = prosody.hosts, prosody.full_sessions, prosody.bare_sessions

local function parse(path)
	local found
	local callbacks = {
		default_ns = "jabber:client",
		streamopened = function(session) session.notopen = nil end,
		streamclosed = function() end,
		error = function(_, what, text) error(tostring(what) .. " " .. tostring(text)) end,
		handlestanza = function(_, stanza) stanza.attr.xmlns = nil; found = stanza end,
	}
	local stream = xmppstream.new({ notopen = true }, callbacks)
	stream:feed("<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>")
	stream:feed(assert(io.open(path)):read("a"))
	return found
end

-- The handlers of a script by event, or nothing and why.
local function load_script(path)
	local hooks, failure = {}, nil
	local module = { host = "localhost", name = "firewall", path = modules .. "mod_firewall.lua" }
	function module:log(level, format, ...) if level == "error" then failure = failure or format:format(...) end end
	function module:get_option_number(_, default) return default end
	module.get_option, module.get_option_boolean = module.get_option_number, module.get_option_number
	function module:get_option_set(_, default) return set.new(default) end
	function module:shared() return {} end
	function module:hook(name, handler) hooks[name] = hooks[name] or {}; table.insert(hooks[name], handler) end
	function module:hook_global() end
	function module:unhook() end
	function module:fire_event(name, event)
		for _, handler in ipairs(hooks[name] or {}) do
			local value = handler(event)
			if value ~= nil then return value end
		end
	end
	local environment = setmetatable({ module = module, prosody = prosody }, { __index = _G })
	environment._G = environment
	function module:require(name) return assert(loadfile(modules .. name .. ".lib.lua", "t", environment))() end
	assert(loadfile(module.path, "t", environment))()
	local ok, message = pcall(environment.load_script, path)
	if not ok then return nil, message end
	if failure then return nil, failure end
	return hooks
end

-- A script names its lists in the folder of the bench program.
local function located(name)
	local text = assert(io.open(folder .. "/" .. name)):read("a")
	local path = folder .. "/located.pfw"
	local file = assert(io.open(path, "w"))
	file:write((text:gsub("@DIR@", folder):gsub("/lists/", folder .. "/")))
	file:close()
	return path
end

local function measure(handlers, event)
	local function run(count)
		local start = os.clock()
		for _ = 1, count do
			for _, handler in ipairs(handlers) do
				local value = handler(event)
				if value ~= nil then error("the message does not pass: " .. tostring(value)) end
			end
		end
		return os.clock() - start
	end
	local count = 1
	while run(count) < 0.05 do count = count * 2 end
	local samples = {}
	for at = 1, 15 do samples[at] = run(count) / count * 1e9 end
	table.sort(samples)
	return samples[8]
end

for at = 2, #arg do
	local name, script, message = arg[at]:match("^(.-):(.-):(.-)$")
	local hooks, failure = load_script(located(script))
	if hooks then
		local stanza = parse(folder .. "/" .. message)
		local handlers = {}
		for _, event in ipairs { "pre-message/full", "message/full" } do
			for _, handler in ipairs(hooks[event] or {}) do handlers[#handlers + 1] = handler end
		end
		local ok, cost = pcall(measure, handlers, { origin = juliet, stanza = stanza })
		if ok then print(("%s %.1f"):format(name, cost)) else print(name .. " failed " .. tostring(cost):gsub("\n", " ")) end
	else
		print(name .. " failed " .. tostring(failure):gsub("\n", " "):sub(1, 200))
	end
end
