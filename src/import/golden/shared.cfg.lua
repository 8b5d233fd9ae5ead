modules_enabled = { "net_multiplex" }
ports = { 443, 8443 }
ssl_ports = { "5443" }
ssl_interfaces = { "127.0.0.1" }
multiplex_buffer_size = 2048
c2s_timeout = 60
network_settings = { tcp_backlog = 64 }
VirtualHost "chat.example"
