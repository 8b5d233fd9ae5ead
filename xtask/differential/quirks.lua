-- Cures: what has to be changed in the real module so that it does what the rule language promises. A difference
-- between the real one and ours is tolerated only if it vanishes with one of these, so each must cure the quirk
-- of its name and nothing else. `{ file, old text, new text }`; every occurrence is replaced. The numbers are
-- those of the list of quirks; other names say which sentence of the language is meant.
return {
	{ name = "BOM"; -- a byte-order mark is skipped
		{ "mod", "line = line:match(\"^%s*(.-)%s*$\");", "if line_no == 0 then line = line:gsub(\"^\\239\\187\\191\", \"\"); end line = line:match(\"^%s*(.-)%s*$\");" };
	};
	{ name = "Q1";
		{ "mod", "if line_hold or line:find(\"^[#;]\") then", [[
if state == "actions" and not line_hold and line ~= "" and not line:find("^[#;]") and not line:find("^[%w_ ]+[%.=]") then
	state = nil;
end
if line_hold or line:find("^[#;]") then]] };
	};
	{ name = "Q2";
		{ "mod", "\treturn ruleset;\nend", "\tif state == \"rules\" then return nil, \"Expected an action at the end\"; end\n\treturn ruleset;\nend" };
	};
	{ name = "Q3";
		{ "mod", "local val = line:match(\": ?(.*)$\");", "local val = not line:find(\"^[^:]*:<\") and line:match(\": ?(.*)$\") or nil;" };
	};
	{ name = "Q4";
		{ "definitions", "module:log(\"warn\", \"Failed to open list from %s: %s\", filename, err);", "error(\"Failed to open list \"..filename, 0);" };
	};
	{ name = "Q6";
		{ "definitions", "if not items[line] then", "line = line:gsub(\"\\r$\", \"\");\nif not items[line] then" };
		{ "definitions", "\"([^\\r\\n]+)\\r?\\n\"", "\"([^\\r\\n]+)\"" };
	};
	{ name = "Q7";
		{ "definitions", "item = self.hash_function(item);", "item = self.hash_function(item, true);" };
	};
	{ name = "Q9"; -- what nothing uses may stay malformed, unless the real one notices
		{ "mod", "return (\"local pattern_%s = %q\")", "assert(strict_pattern(pattern)); return (\"local pattern_%s = %q\")" };
		{ "definitions", "assert(pcall(string.match, \"\", pattern), ", "assert(strict_pattern(pattern), " };
		{ "conditions", "return (\"(%s and %s:find(%q))\")", "assert(strict_pattern(\"^\"..pattern..\"$\"));\nreturn (\"(%s and %s:find(%q))\")" };
		{ "conditions", "if match_type == \"~\" then", "if match_type == \"~\" then\nassert(#meta_deps > 0 or strict_pattern(value));" };
	};
	{ name = "Q10";
		{ "definitions", "new_throttle(rate*burst, burst)", "new_throttle(math.max(1, rate*burst), math.max(1, rate*burst)/rate)" };
	};
	{ name = "Q11"; -- the rest of it is in the driver
		{ "mod", "rates.%s:single();\")", "shared_throttle(rates.%s, 'single');\")" };
		{ "mod", "rates.%s:multi();\")", "shared_throttle(rates.%s, 'multi');\")" };
	};
	{ name = "Q12";
		{ "conditions", "return compile_jid_match(\"to\", to)", "assert(not to or select(2, jid.split(to)), \"malformed JID\");\nreturn compile_jid_match(\"to\", to)" };
		{ "conditions", "return compile_jid_match(\"from\", from)", "assert(not from or select(2, jid.split(from)), \"malformed JID\");\nreturn compile_jid_match(\"from\", from)" };
	};
	{ name = "Q13";
		{ "mod", "local zone_%s = zones[%q] or {};\"", "local zone_%s = zones[%q];\"..((var == \"_local\" or active_definitions.ZONE[zone]) and \"\" or error(\"Unknown zone: \"..zone))" };
	};
	{ name = "Q14" }; -- in the driver
	{ name = "Q15";
		{ "conditions", "group_names:gmatch(\"([^, ][^,]+)\")", "group_names:gmatch(\"([^,]+)\")" };
		{ "conditions", "return \"not \"..table.concat(code, \" or \"), { \"group_contains\"", "return \"not(\"..table.concat(code, \" or \")..\")\", { \"group_contains\"" };
	};
	{ name = "Q16";
		{ "conditions", "not not (session.directed and session.directed[from])\", { \"from\" }", "_G.has_sent_directed(bare_to, from)\", { \"from\", \"bare_to\" }" };
	};
	{ name = "Q18";
		{ "conditions", "current_minute", "current_min" };
		{ "conditions", "tonumber(start_hour) > tonumber(end_hour) and", "tonumber(start_hour) * 60 + tonumber(start_minute) >= tonumber(end_hour) * 60 + tonumber(end_minute) and" };
	};
	{ name = "Q20";
		{ "conditions", "sun = 0", "sun = 1" };
		{ "conditions", "current_day", "current_wday" };
		{ "conditions", "\"time:day\"", "\"time:wday\"" };
	};
	{ name = "Q21";
		{ "mod", "for line in file:lines() do", [[
local lines = {};
for line in file:lines() do lines[#lines+1] = line; end
for number, line in ipairs(lines) do]] };
		{ "mod", "if line_hold and line:sub(-1,-1) ~=", "if number == #lines and line:sub(-1, -1) == \"\\\\\" then line = line:sub(1, -2); end\nif line_hold and line:sub(-1,-1) ~=" };
	};
	{ name = "Q22";
		{ "conditions", "spec:match(\"^(%w+) on (.+)$\")", "spec:match(\"^([%w_]+) on (.+)$\")" };
		{ "conditions", "spec:match(\"^%w+$\")", "spec:match(\"^[%w_]+$\")" };
	};
	{ name = "Q24"; -- the rest of it is in the driver
		{ "mod", "if condition_uses[condition] > 1 then", "if false then" };
	};
	{ name = "LIMIT"; -- hands limiters over to the driver, for Q11 and Q24
		{ "conditions", "not global_throttle_%s:poll(1)\"", "not _G.poll(global_throttle_%s, nil, event.frame, event)\"" };
		{ "conditions", "not multi_throttle_%s:poll_on(%s, 1)\"", "not _G.poll(multi_throttle_%s, %s, event.frame, event)\"" };
		{ "mod", "local stanza, session = event.stanza, event.origin;", "event = setmetatable({ frame = {} }, { __index = event, __newindex = event }); local stanza, session = event.stanza, event.origin;" };
	};
	{ name = "Q26";
		{ "actions", "= nil; end]], { \"timestamp\" }", "= nil; end]], {}" };
	};
	{ name = "Q27";
		{ "mod", "expr = expr:gsub(\"||(%b\\\"\\\")$\", function (default_string)\n\t\t\t\tdefault = stripslashes(default_string:sub(2,-2));", "expr = expr:gsub('||\\\\\"(.-)\\\\\"$', function (default_string)\n\t\t\t\tdefault = stripslashes(load('return \"'..default_string..'\"')());" };
	};
	{ name = "Q28";
		{ "actions", "error, error_type = string.format(", "assert(error_types[error], \"unknown error condition\"); assert((\"auth cancel continue modify wait\"):find(error_type, 1, true));\n\terror, error_type = string.format(" };
	};
	{ name = "Q29";
		{ "actions", "return route_modify((\"reply(stanza):body(%q)\"):format(with));", [[
local code, deps = route_modify(("reply(stanza):body(%q)"):format(with));
return "if stanza.name == 'message' and stanza.attr.type ~= 'error' then "..code.." end", deps;]] };
	};
	{ name = "Q30";
		{ "actions", "return code:format(where), { \"core_post_stanza\"", "return code:format(where), { \"st\", \"core_post_stanza\"" };
	};
	{ name = "Q31";
		{ "actions", "return \"stanza:add_child(\"..compile_xml(tag)..\")\"", "local parsed = assert(parse_xml(tag), \"malformed XML\"); assert(#parsed.tags == 1 and #parsed == 1, \"one element expected\"); return (\"_G.inject(stanza, %q)\"):format(tag)" };
	};
	{ name = "Q32";
		{ "actions", "or \"info\";", "or \"info\"; level = level:lower(); assert(({ debug = 1, info = 1, warn = 1, error = 1 })[level], \"unknown level\");" };
	};
	{ name = "Q35";
		{ "conditions", "\"tokens_\"..search_name..\"_\"..pattern_name)", "(\"_G.tokens_of(stanza, definitions.SEARCH[%q], definitions.PATTERN[%q])\"):format(search_name, pattern_name))" };
		{ "conditions", "(\"it_count(search_%s:gmatch(pattern_%s)) ", "(\"it_count(tostring(stanza:find(definitions.SEARCH.%s) or ''):gmatch(definitions.PATTERN.%s)) " };
		{ "mod", "local function include_dep(", [[
function tokens_of(stanza, path, pattern)
	local tokens = {};
	for token in tostring(stanza:find(path) or ""):gmatch(pattern) do tokens[_G.enabled.POSITION and tostring(token) or token] = true; end
	return tokens;
end
local function include_dep(]] };
	};
	{ name = "Q36" }; -- in the driver
	{ name = "Q40";
		{ "conditions", "pattern_name, comp_op, value)", "pattern_name, valid_comp_ops[comp_op], value)" };
	};
	{ name = "Q41";
		{ "throttle", "return self.balance >= cost or self:update() >= cost;", "return self:update() >= cost;" };
	};
	{ name = "Q42";
		{ "actions", "local code = meta((\"(session.log or log)(", "assert(not (string:gsub(\"$(%b())\", \"\")):find(\"$(\", 1, true), \"unclosed expression\");\n\tlocal code = meta((\"(session.log or log)(" };
	};
	{ name = "Q43";
		{ "mod", "\"local bare_to = jid_bare(to)\"", "\"local bare_to = jid_bare(to);\"" };
		{ "mod", "\"local bare_from = jid_bare(from)\"", "\"local bare_from = jid_bare(from);\"" };
		{ "actions", "(\"(session.log or log)(%q", "(\";(session.log or log)(%q" };
	};
	{ name = "Q44";
		{ "actions", "function action_handlers.REDIRECT(where)", "function action_handlers.REDIRECT(where) assert(where, 'no address');" };
		{ "actions", "function action_handlers.FORWARD(where)", "function action_handlers.FORWARD(where) assert(where, 'no address');" };
		{ "actions", "function action_handlers.COPY(where)", "function action_handlers.COPY(where) assert(where, 'no address');" };
		{ "actions", "function action_handlers.REPLY(with)", "function action_handlers.REPLY(with) assert(with, 'no text');" };
	};
	{ name = "Q45";
		{ "conditions", "function condition_handlers.IN_ROSTER_GROUP(group)", "function condition_handlers.IN_ROSTER_GROUP(group) assert(group, 'no value');" };
		{ "conditions", "function condition_handlers.FROM_GROUP(group_name)", "function condition_handlers.FROM_GROUP(group_name) assert(group_name, 'no value');" };
		{ "conditions", "function condition_handlers.TO_GROUP(group_name)", "function condition_handlers.TO_GROUP(group_name) assert(group_name, 'no value');" };
		{ "conditions", "function condition_handlers.PAYLOAD(payload_ns)", "function condition_handlers.PAYLOAD(payload_ns) assert(payload_ns, 'no value');" };
	};
	{ name = "FILTER"; -- what a filter makes nothing of is not added, and not an error
		{ "definitions", "return list_method(self, filter(item));", "local filtered = filter(item); if filtered ~= nil then return list_method(self, filtered); end" };
	};
	{ name = "POSITION"; -- a position capture is a token in decimal
		{ "mod", "tokens_%s_%s[s] = true;", "tokens_%s_%s[tostring(s)] = true;" };
	};
	{ name = "PAYLOAD"; -- children in the namespace of the stanza have that namespace too
		{ "conditions", "return (\"stanza:get_child(nil, %q)\"):format(payload_ns)", "return (\"(stanza:get_child(nil, %q)\"..(payload_ns == \"jabber:client\" and \" or stanza:get_child()\" or \"\")..\")\"):format(payload_ns)" };
	};
	{ name = "SUBSCRIBED"; -- this version tests the opposite direction
		{ "conditions", "rostermanager.is_contact_subscribed(", "rostermanager.is_user_subscribed(" };
	};
	{ name = "ELEMENT"; -- a JID function applied to an element gives nothing
		{ "mod", "\"jid_bare(\"..code..\")\"", "\"jid_bare(_G.text_only(\"..code..\"))\"" };
		{ "mod", "\"(jid_split(\"..code..\"))\"", "\"(jid_split(_G.text_only(\"..code..\")))\"" };
		{ "mod", "\"(select(2, jid_split(\"..code..\")))\"", "\"(select(2, jid_split(_G.text_only(\"..code..\"))))\"" };
		{ "mod", "\"(select(3, jid_split(\"..code..\")))\"", "\"(select(3, jid_split(_G.text_only(\"..code..\"))))\"" };
	};
}
