-- Runs cases through the real mod_firewall. Arguments: the root of an unpacked Prosody, the root of its
-- unpacked modules, and the folder of this file. One JSON request a line on standard input, one answer a line.

local prosody_root, modules_root, here = arg[1], arg[2], arg[3];
package.path = prosody_root.."/usr/lib/prosody/?.lua;"..package.path;
package.cpath = prosody_root.."/usr/lib/prosody/?.so;"..package.cpath;
local firewall_root = modules_root.."/usr/lib/prosody/modules/mod_firewall";

-- What the real one is told about the world: time, hosts, sessions, files, all as the request says.
local now, world, effects, enabled = 0, nil, nil, {};
local real_require = require;
package.loaded["util.time"] = { now = function () return now; end, monotonic = function () return now; end };
package.loaded["socket"] = { gettime = function () return now; end };
package.loaded["core.configmanager"] = { resolve_relative_path = function (_, path) return path; end };
local function contains(names, name)
	for _, one in ipairs(names or {}) do if one == name then return true; end end
	return false;
end
package.loaded["core.usermanager"] = {
	user_exists = function () return true; end;
	is_admin = function (jid, host)
		return contains(world.admins["*"], jid) or host ~= nil and contains(world.admins[host], jid);
	end;
};
package.loaded["util.timer"] = { add_task = function () end };
package.loaded["net.http"] = { request = function (url, _, answered)
	local body = world.http[url];
	answered(body or "", body and 200 or 404, { headers = {} });
end };
prosody = { hosts = {}, bare_sessions = {}, full_sessions = {}, paths = { config = "/" }, events = {} };

local stored_rosters = {};
package.loaded["core.storagemanager"] = { open = function (host)
	if not prosody.hosts[host] then error("no such host"); end
	return {
		get = function (_, user) return stored_rosters[user.."@"..host]; end;
		set = function () return true; end;
		set_keys = function () return true; end;
		remove = {};
	};
end };
package.loaded["util.logger"] = { init = function () return function () end; end };

local json = require "util.json";
local st = require "util.stanza";
local jid = require "util.jid";
local xml = require "util.xml";
local xmppstream = require "util.xmppstream";
local rostermanager = require "core.rostermanager";

local function read_all(path)
	local file = assert(io.open(path, "rb"));
	local text = file:read("*a");
	file:close();
	return text;
end

local quirks = assert(loadfile(here.."/quirks.lua"))();

-- Source text of a file of the real one, with the enabled quirks cured. A cure that does not apply is a mistake
-- of ours: the sources have changed.
local sources = {
	mod = read_all(firewall_root.."/mod_firewall.lua");
	conditions = read_all(firewall_root.."/conditions.lib.lua");
	actions = read_all(firewall_root.."/actions.lib.lua");
	definitions = read_all(firewall_root.."/definitions.lib.lua");
	throttle = read_all(prosody_root.."/usr/lib/prosody/util/throttle.lua");
};
local function replace(text, old, new, name)
	local parts, at, count = {}, 1, 0;
	while true do
		local from, to = text:find(old, at, true);
		if not from then break; end
		parts[#parts+1] = text:sub(at, from - 1);
		parts[#parts+1] = new;
		at, count = to + 1, count + 1;
	end
	assert(count > 0, "the cure of "..name.." does not apply: "..old);
	parts[#parts+1] = text:sub(at);
	return table.concat(parts);
end

-- Does a quirk change this file?
local function concerns(quirk, file)
	for _, change in ipairs(quirk) do
		if change[1] == file then return true; end
	end
	return false;
end

local compiled, compiled_count = {}, 0;
local function chunk(file, env)
	local key = { file };
	for _, quirk in ipairs(quirks) do
		if enabled[quirk.name] and concerns(quirk, file) then key[#key+1] = quirk.name; end
	end
	key = table.concat(key, " ");
	if not compiled[key] then
		if compiled_count >= 200 then compiled, compiled_count = {}, 0; end
		compiled_count = compiled_count + 1;
		local text = sources[file];
		for _, quirk in ipairs(quirks) do
			if enabled[quirk.name] then
				for _, change in ipairs(quirk) do
					if change[1] == file then text = replace(text, change[2], change[3], quirk.name); end
				end
			end
		end
		compiled[key] = string.dump(assert(load(text, "="..file, "t")));
	end
	return assert(load(compiled[key], "="..file, "b", env));
end

local function memory_file(text)
	local file, at = {}, 1;
	function file.lines()
		return function ()
			if at > #text then return nil; end
			local from = text:find("\n", at, true) or #text + 1;
			local line = text:sub(at, from - 1);
			at = from + 1;
			return line;
		end;
	end
	function file.read() return text; end
	function file.close() end
	return file;
end

local default_callbacks = { default_ns = "jabber:client" };
function default_callbacks.streamopened(session) session.notopen = nil; end
function default_callbacks.streamclosed() end
function default_callbacks.error(_, name, message) error(name.." "..tostring(message)); end
function default_callbacks.handlestanza(session, stanza)
	stanza.attr.xmlns = nil;
	session.found = stanza;
end
local function parse_stanza(text)
	local session = { notopen = true };
	local stream = xmppstream.new(session, default_callbacks);
	stream:feed("<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>");
	assert(stream:feed(text));
	local stanza = assert(session.found, "no stanza in "..text);
	-- The parser adds the language of the stream, which is none of the firewall's business.
	if not text:find("^<[^>]*xml:lang") then stanza.attr["xml:lang"] = nil; end
	return stanza;
end

-- An item-by-item check: the engine itself is asked about the rest of the pattern at the start of every item.
local function strict_pattern(pattern)
	local at, open, captures = 1, {}, 0;
	if pattern:sub(1, 1) == "^" then at = 2; end
	while at <= #pattern do
		local c, following = pattern:sub(at, at), pattern:sub(at + 1, at + 1);
		if c == "(" then
			captures = captures + 1;
			if captures > 32 then return false, "too many captures"; end
			open[#open+1] = captures;
			at = at + 1;
		elseif c == ")" then
			if #open == 0 then return false, "invalid pattern capture"; end
			open[#open] = nil;
			at = at + 1;
		elseif c == "%" and following:find("^%d") then
			local number = tonumber(following);
			if number == 0 or number > captures or contains(open, number) then return false, "invalid capture index"; end
			at = at + 2;
		elseif c == "%" and following == "b" then
			if #pattern < at + 3 then return false, "missing arguments to '%b'"; end
			at = at + 4;
		else
			local rest = pattern:sub(at);
			local ok, err = pcall(string.find, "", (rest:gsub("[()]", "")));
			if c == "[" or c == "%" and (following == "f" or following == "") then
				ok, err = pcall(string.find, "", rest);
			elseif c == "%" then
				ok = true;
			end
			if not ok and (c == "[" or c == "%") and not tostring(err):find("capture") then return false, err; end
			if c == "%" and following == "f" then
				if pattern:sub(at + 2, at + 2) ~= "[" then return false, "missing '[' after '%f'"; end
				at = at + 2;
				c = "[";
			end
			if c == "[" then
				at = at + 1;
				if pattern:sub(at, at) == "^" then at = at + 1; end
				repeat
					if at > #pattern then return false, "missing ']'"; end
					if pattern:sub(at, at) == "%" then
						if at + 1 > #pattern then return false, "ends in %"; end
						at = at + 1;
					end
					at = at + 1;
				until pattern:sub(at, at) == "]"
				at = at + 1;
			elseif c == "%" then
				at = at + 2;
			else
				at = at + 1;
			end
		end
	end
	if #open > 0 then return false, "unfinished capture"; end
	return true;
end

-- One set of buckets for each limiter, and at most one count for each chain run (quirks Q11 and Q24).
local shared = {};
local function shared_throttle(rate, kind)
	if not enabled.Q11 then return rate[kind](); end
	shared[rate] = shared[rate] or {};
	shared[rate][kind] = shared[rate][kind] or rate[kind]();
	return shared[rate][kind];
end
local function poll(throttle, key, frame, event)
	local id = tostring(throttle)..(key or "");
	if enabled.Q24 and frame[id] ~= nil then return frame[id]; end
	local granted;
	if key then granted = throttle:poll_on(key, 1); else granted = throttle:poll(1); end
	granted = granted and true or false;
	if enabled.Q11 then
		event.granted = event.granted or {};
		granted = granted or event.granted[id] or false;
		event.granted[id] = granted;
	end
	frame[id] = granted;
	return granted;
end

local function make_session(name, description)
	local session = { firewall_marks = description.type == "c2s" and {} or nil, directed = {} };
	for k, v in pairs(description) do session[k] = v; end
	session.id = name;
	session.secure = true;
	for _, target in ipairs(description.directed or {}) do session.directed[target] = true; end
	function session.send(stanza) effects[#effects+1] = { "send", tostring(stanza) }; end
	function session.log(level, format, ...) effects[#effects+1] = { "log", level, format:format(...) }; end
	return session;
end

local function clear(t) for k in pairs(t) do t[k] = nil; end end

local function make_roster(description)
	local roster, pending = {}, {};
	for contact, item in pairs(description and description.items or {}) do
		local groups = {};
		for _, group in ipairs(item.groups or {}) do groups[group] = true; end
		roster[contact] = { subscription = item.subscription, groups = groups };
	end
	for _, contact in ipairs(description and description.pending or {}) do pending[contact] = true; end
	roster[false] = { pending = pending };
	return roster;
end

local function prepare_world()
	clear(prosody.hosts); clear(prosody.bare_sessions); clear(prosody.full_sessions); clear(stored_rosters);
	for _, host in ipairs(world.hosts) do
		prosody.hosts[host] = { sessions = {}, events = { fire_event = function () end } };
	end
	for owner, roster in pairs(world.rosters) do stored_rosters[owner] = make_roster(roster); end
	local sessions = {};
	for name, description in pairs(world.sessions) do
		local session = make_session(name, description);
		sessions[name] = session;
		if session.full_jid then
			local bare = jid.bare(session.full_jid);
			prosody.full_sessions[session.full_jid] = session;
			prosody.bare_sessions[bare] = prosody.bare_sessions[bare]
				or { roster = stored_rosters[bare] or make_roster(), sessions = {} };
		end
	end
	return sessions;
end

local function new_module(errors)
	local hooks = {};
	local module = { host = world.hosts[1], name = "firewall", path = firewall_root.."/mod_firewall.lua", hooks = hooks };
	function module:log(level, format, ...)
		if level == "error" then errors[#errors+1] = format:format(...); end
	end
	function module:get_option_number(_, default) return default; end
	function module:get_option(_, default) return default; end
	function module:get_option_boolean(_, default) return default; end
	function module:get_option_set(_, default) return real_require "util.set".new(default); end
	function module:shared() return {}; end
	function module:hook(name, handler)
		hooks[name] = hooks[name] or {};
		table.insert(hooks[name], handler);
	end
	function module:hook_global() end
	function module:unhook() end
	function module:depends()
		return { group_contains = function (group, member)
			if enabled.Q14 and not world.groups[group] then return nil; end
			return contains(assert(world.groups[group], "no such group"), member) or nil;
		end };
	end
	local depth = 0;
	function module:fire_event(name, event)
		if name:sub(1, 16) ~= "firewall/chains/" then effects[#effects+1] = { "event", name }; end
		depth = depth + 1;
		if depth > 150 then depth = 0; error("stack overflow"); end
		for _, handler in ipairs(hooks[name] or {}) do
			local result = handler(event);
			if result ~= nil then depth = depth - 1; return result; end
		end
		depth = depth - 1;
	end
	function module:reset() depth = 0; end
	return module;
end

local function load_firewall(script, errors)
	local module = new_module(errors);
	local env = setmetatable({ module = module, prosody = prosody }, { __index = _G });
	env._G = env;
	env.io = { open = function (name)
		local text = name == "test.pfw" and script or world.files[name];
		if not text then return nil, name..": No such file or directory"; end
		return memory_file(text);
	end };
	env.os = setmetatable({ date = function (format)
		return os.date("!"..format, math.floor(now));
	end }, { __index = os });
	env.enabled = enabled;
	env.strict_pattern, env.shared_throttle, env.poll = strict_pattern, shared_throttle, poll;
	function env.parse_xml(text) return xml.parse("<wrap xmlns='jabber:client'>"..text.."</wrap>"); end
	function env.inject(stanza, text)
		local wrapped = env.parse_xml(text);
		local child = wrapped.tags[1];
		if child.attr.xmlns == "jabber:client" then
			child = st.clone(child);
			local function strip(tag)
				if tag.attr.xmlns == "jabber:client" then tag.attr.xmlns = nil; end
				for _, inner in ipairs(tag.tags) do strip(inner); end
			end
			strip(child);
		end
		stanza:add_direct_child(child);
	end
	function env.text_only(value) return type(value) == "string" and value or nil; end
	function env.has_sent_directed(owner, target)
		for full, session in pairs(prosody.full_sessions) do
			if jid.bare(full) == owner and session.directed[target] then return true; end
		end
		return false;
	end
	-- For a remote recipient the entry in the roster of the sender says the same, seen from there.
	local function subscribed(ask, user, host, contact, mirrored)
		if prosody.hosts[host] then return ask(user, host, contact); end
		local item = (stored_rosters[contact] or {})[user.."@"..host];
		return item and (item.subscription == mirrored or item.subscription == "both");
	end
	local roster_of_remote = setmetatable({
		load_roster = function (user, host)
			if not prosody.hosts[host] then return { [false] = { pending = {} } }; end
			return rostermanager.load_roster(user, host);
		end;
		is_contact_pending_in = function (user, host, contact)
			return prosody.hosts[host] and rostermanager.is_contact_pending_in(user, host, contact) or false;
		end;
		is_user_subscribed = function (user, host, contact)
			return subscribed(rostermanager.is_user_subscribed, user, host, contact, "from");
		end;
		is_contact_subscribed = function (user, host, contact)
			return subscribed(rostermanager.is_contact_subscribed, user, host, contact, "to");
		end;
	}, { __index = rostermanager });
	function env.require(name)
		if name == "lfs" then
			return { attributes = function (path) return world.files[path] and "file" or nil; end };
		elseif name == "util.throttle" then
			return chunk("throttle", env)();
		elseif name == "core.rostermanager" and enabled.Q36 then
			return roster_of_remote;
		end
		return real_require(name);
	end
	function module:require(name) return chunk(name, env)(); end
	chunk("mod", env)();
	local ok, err = pcall(env.load_script, "test.pfw");
	if not ok then errors[#errors+1] = "crash: "..tostring(err); end
	return module;
end

local hook_of = { deliver = "message/bare", preroute = "pre-message/bare", deliver_remote = "route/remote" };

local function sorted_keys(t)
	local keys = {};
	for k in pairs(t) do keys[#keys+1] = k; end
	table.sort(keys);
	return keys;
end

local function marks_of(session)
	local marks = {};
	for k in pairs(session) do
		local name = tostring(k):match("^firewall_marked_(.*)$");
		if name then marks[name] = true; end
	end
	return sorted_keys(marks);
end

local function run_step(module, sessions, step)
	now = step.now;
	effects = {};
	module:reset();
	local session = assert(sessions[step.origin], "no such origin");
	local stanza = parse_stanza(step.stanza);
	local handlers = module.hooks[hook_of[step.chain]];
	local ok, result = true, nil;
	local event = { origin = session, stanza = stanza };
	for _, handler in ipairs(handlers or {}) do
		ok, result = pcall(handler, event);
		if not ok or result ~= nil then break; end
	end
	local answer = {
		result = ok and tostring(result) or "error";
		effects = effects;
		after = tostring(stanza);
		marks = marks_of(session);
		user_marks = sorted_keys(session.firewall_marks or {});
	};
	if not ok then answer.error = tostring(result); end
	return answer;
end

local function set_enabled(names)
	enabled = {};
	for _, name in ipairs(names) do enabled[name] = true; end
	enabled.LIMIT = enabled.Q11 or enabled.Q24;
end

local function run_case(request)
	set_enabled(request.cured);
	shared = {};
	now = request.start;
	local sessions = prepare_world();
	local errors = {};
	prosody.core_post_stanza = function (_, stanza) effects[#effects+1] = { "route", tostring(stanza) }; end
	effects = {};
	local module = load_firewall(request.script, errors);
	if #errors > 0 then return { rejected = errors[1] }; end
	local steps = {};
	for number, step in ipairs(request.steps) do steps[number] = run_step(module, sessions, step); end
	return { steps = steps };
end

local function unhex(text) return (text:gsub("%x%x", function (pair) return string.char(tonumber(pair, 16)); end)); end
local function hex(text) return (text:gsub(".", function (c) return ("%02x"):format(c:byte()); end)); end

local function run_pattern(request)
	local pattern = unhex(request.pattern);
	local answer = { strict = strict_pattern(pattern), subjects = {} };
	answer.loads = pcall(string.match, "", pattern);
	for number, subject in ipairs(request.subjects) do
		subject = unhex(subject);
		local found_ok, found = pcall(string.find, subject, pattern);
		local whole_ok, whole = pcall(string.find, subject, "^"..pattern.."$");
		local tokens = {};
		local tokens_ok, err = pcall(function ()
			for token in subject:gmatch(pattern) do tokens[#tokens+1] = hex(tostring(token)); end
		end);
		answer.subjects[number] = {
			found = found_ok and found ~= nil, found_error = not found_ok and tostring(found) or nil;
			whole = whole_ok and whole ~= nil, whole_error = not whole_ok and tostring(whole) or nil;
			tokens = table.concat(tokens, ","), count = #tokens, tokens_error = not tokens_ok and tostring(err) or nil;
		};
	end
	return answer;
end

for line in io.lines() do
	local request = assert(json.decode(line));
	local answer;
	if request.world then
		world = request.world;
		local names = {};
		for number, quirk in ipairs(quirks) do names[number] = quirk.name; end
		answer = { cures = names };
	elseif request.pattern then
		answer = run_pattern(request);
	else
		answer = run_case(request);
	end
	io.write(json.encode(answer), "\n");
	io.flush();
end
