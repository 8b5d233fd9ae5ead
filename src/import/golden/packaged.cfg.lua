-- Settings of the whole server

admins = { }

plugin_paths = { "/usr/local/lib/prosody/modules" }

modules_enabled = {

	-- Needed
		"disco"; -- Service discovery
		"roster"; -- Contact lists
		"saslauth"; -- Log-in
		"tls"; -- Encryption

	-- Useful
		"blocklist"; "carbons"; "dialback"; "limits"; "pep"; "private"; "smacks";
		"vcard4"; "vcard_legacy"; "invites"; "ping"; "register"; "time"; "uptime"; "version";
		--"mam"; -- Archives

		"admin_adhoc"; "admin_shell";
		--"bosh"; -- Over HTTP

		"posix"; -- Process
		--"groups"; -- Shared groups
}

modules_disabled = {
	-- "offline"; -- Keep messages
	-- "c2s"; -- Clients
}

pidfile = "/run/prosody/prosody.pid";

s2s_secure_auth = true

--s2s_insecure_domains = { "insecure.example" }

limits = {
	c2s = {
		rate = "10kb/s";
	};
	s2sin = {
		rate = "30kb/s";
	};
}

authentication = "internal_hashed"

archive_expires_after = "1w" -- One week

log = {
	info = "/var/log/prosody/prosody.log";
	error = "/var/log/prosody/prosody.err";
	{ levels = { "error" }; to = "syslog";  };
}

certificates = "certs"

VirtualHost "localhost"

--VirtualHost "example.com"

---Component "conference.example.com" "muc"
--- modules_enabled = { "muc_mam" }

Include "conf.d/*.cfg.lua"
