#!/usr/bin/env prosody
-- A server with much of what can be said.
--[==[ A comment
     of several lines ]==]
local base = "/srv/xmpp"
interfaces = { "192.0.2.10", "2001:db8::10" }
local_interfaces = { "::1" }
use_ipv6 = true
admins = { "root@chat.example", 'ops@chat.example' }
c2s_ports = { 5222, "5322", }
c2s_interfaces = { "192.0.2.10"; "::1" }
c2s_direct_tls_ports = 5223
c2s_timeout = 2.5
c2s_close_timeout = 3
c2s_stanza_size_limit = 128 .. "KiB"
c2s_unauthed_stanza_size_limit = 0x2000
c2s_require_encryption = true
component_ports = { 5347 }
component_interfaces = "127.0.0.1"
ssl = {
	certificate = "missing/chat.crt";
	key = "missing/chat.key";
	protocol = "tlsv1_3";
	options = { "no_compression", "no_tlsv1_1", "no_ticket", "all" };
	ciphers = "HIGH";
	password = "opened";
	[5285] = { key = "x.key", certificate = "x.crt" };
	curveslist = { "X25519", "P-384", "P-256", "P-521" };
}
c2s_direct_tls_ssl = {
	[5223] = { key = "rules.pfw", certificate = "rules.pfw", verify = "none" };
	["192.0.2.10"] = { key = "groups.txt", certificate = "groups.txt" };
}
tls_profile = "intermediate"
certificates = "more"
network_settings = {
	read_timeout = 300;
	send_timeout = 60;
	tcp_backlog = 5;
	max_send_buffer_size = 1048576;
	ssl_handshake_timeout = 20;
	accept_retry_interval = 10;
	tcp_keepalive = 120;
	nagle = false;
	select_timeout = 1;
}
limits = {
	c2s = { rate = "20kb/s", burst = "5s" };
	s2sin = { rate = "30kb/s" };
}
unlimited_jids = { "root@chat.example", "chat.example" }
modules_enabled = { "limits", "groups", "firewall", "mam", "admin_shell", require "extra" }
modules_disabled = { "offline", "disco" }
firewall_scripts = { "rules.pfw", "gone.pfw", "module:scripts/spam-blocking.pfw" }
groups_file = "groups.txt"
allow_registration = ENV_OPEN
registration_throttle_max = 4
registration_throttle_period = 3600
contact_info = {
	abuse = { "mailto:abuse@chat.example", "xmpp:abuse@chat.example" };
	status = { "https://status.example" };
}
default_iteration_count = 20000
log = { info = "/var/log/prosody/prosody.log"; { to = "syslog" } }
welcome = [[
Hello]]
s2s_timeout = 60 * 2
if true then for i = 1, 2 do print(i) end end
http_ports = { 5280 }
unheard_of = true
Include "more/*.cfg.lua"
Include "nowhere.cfg.lua"

VirtualHost "chat.example"
	allow_registration = true
	min_seconds_between_registrations = 100
	admins = { "root" }

VirtualHost("off.example")
	enabled = false

VirtualHost "braces.example" { firewall_scripts = { "rules.pfw" }, http_host = "www.example" }

Component "rooms.chat.example" "muc"
	name = "Rooms"

Component "gateway.chat.example"
	component_secret = "a \"quoted\" \\ secret"
	component_conflict_resolve = "kick_old"

Component "silent.chat.example"
