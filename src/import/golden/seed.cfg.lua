interfaces = { "" } -- Listen only for local connections
local_interfaces = { "::1" }
c2s_ports = { 5222, 5322 } -- Listen on 5322 as well as 5222
c2s_interfaces = { "", "::1" } -- Listen only on these interfaces
legacy_ssl_ssl = {
	key = "/path/to/certificate.key";
	certificate = "/path/to/certificate.crt";
}
https_ssl = {
	["192.0.2.1"] = {
		key = "/path/to/certificate.key";
		certificate = "/path/to/certificate.crt";
	};
	[5285] = {
		key = "/path/to/another-certificate.key";
		certificate = "/path/to/another-certificate.crt";
	};
}
network_settings = {
	read_timeout = 300;
	tcp_backlog = 5;
}
