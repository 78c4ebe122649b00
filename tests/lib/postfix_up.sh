#!/bin/bash
# A private Postfix on the loopback, configured with the lines that the manual gives, and a sink that takes what it delivers.
#   postfix_up.sh DIR MANUAL [PORT]     MANUAL: man/coldrelay.8; PORT 0 or none: any free ones
# The policy service is expected at DIR/queue/private/coldrelay.  Logins are any name with the password "secret" (saslauth.py).
# Prints PIDFILE PID SINK_PIDFILE SASL_PIDFILE QUEUE ETC LOG SINK PORT DATA_PORT END_PORT MANY_PORT as NAME=VALUE lines once it answers:
#   PORT       as the manual says
#   DATA_PORT  asks at DATA only, END_PORT at END-OF-MESSAGE only, where an answer is waited for 1 s instead of 100 s
#   MANY_PORT  three services of one message: two at RCPT, one at DATA, one at END-OF-MESSAGE, each on a connection of its own
#   SINK       directory with one file a delivered message
# Exit 77: not installed, or not root, who alone can run Postfix's master.  Ends with down.sh of each PIDFILE.
# shellcheck source=tests/lib/server.sh
. "${0%/*}/server.sh"

need postfix postfix >/dev/null
need smtp-sink postfix >/dev/null
need python3 python3 >/dev/null
[ "$(id -u)" = 0 ] || { echo "${0##*/}: Postfix's master runs as root only" >&2; exit 77; }
PATH=$PATH:/usr/sbin:/sbin
dir=$(own_dir "${1:?usage: postfix_up.sh DIR MANUAL [PORT]}")
manual=${2:?usage: postfix_up.sh DIR MANUAL [PORT]}
port=${3:-0}
[ "$port" != 0 ] || port=$(free_port)
data_port=$(free_port) end_port=$(free_port) many_port=$(free_port) sink_port=$(free_port)

# Postfix's own users walk through here.
chmod 711 "$dir"
mkdir -m 755 "$dir/etc" "$dir/queue"
mkdir -m 700 "$dir/data" "$dir/sink"
chown postfix "$dir/data"
chown nobody "$dir/sink"

# manual_lines FILE: the literal block that follows the mention of Postfix's FILE, as a reader copies it.
manual_lines() {
	awk -v file="$1" '
		index($0, "/etc/postfix/" file) { here = 1 }
		here && /^\.Bd/ { inside = 1; next }
		inside && /^\.Ed/ { exit }
		inside' "$manual"
}

{
	cat <<-CONF
		compatibility_level = 3.6
		queue_directory = $dir/queue
		data_directory = $dir/data
		mail_owner = postfix
		maillog_file = $dir/maillog
		maillog_file_prefixes = $dir
		inet_interfaces = loopback-only
		inet_protocols = ipv4
		myhostname = mx.relay.example
		mydestination =
		local_recipient_maps =
		alias_maps =
		alias_database =
		smtpd_peername_lookup = no
		smtp_dns_support_level = disabled
		relayhost = [127.0.0.1]:$sink_port
		smtpd_sasl_type = dovecot
		smtpd_sasl_path = private/auth
		smtpd_sasl_security_options = noanonymous
		smtpd_error_sleep_time = 0
		smtpd_client_connection_count_limit = 0
	CONF
	manual_lines main.cf
} >"$dir/etc/main.cf"

# The manual's service, on our port.
submission=$(manual_lines master.cf)
[[ $submission == "submission inet n - y - - smtpd"* ]] || die "no submission service in $manual"
submission=${submission/#submission/127.0.0.1:$port}
# service PORT OPTION...: the same listener with other places where it asks.
service() {
	printf '127.0.0.1:%s inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n' "$1"
	shift
	printf '  -o %s\n' "$@"
}
ask=check_policy_service,unix:private/coldrelay
context() {
	echo "check_policy_service { unix:private/coldrelay, policy_context=$1 }"
}
{
	echo "$submission"
	service "$data_port" smtpd_recipient_restrictions=permit_sasl_authenticated,reject "smtpd_data_restrictions=$ask"
	service "$end_port" smtpd_recipient_restrictions=permit_sasl_authenticated,reject "smtpd_end_of_data_restrictions=$ask" \
		smtpd_policy_service_timeout=1s
	service "$many_port" "{ smtpd_recipient_restrictions = $(context one) $(context two) permit_sasl_authenticated reject }" \
		"{ smtpd_data_restrictions = $(context two) }" "{ smtpd_end_of_data_restrictions = $(context three) }"
	cat <<-'CONF'
		pickup    unix  n       -       n       60      1       pickup
		cleanup   unix  n       -       n       -       0       cleanup
		qmgr      unix  n       -       n       300     1       qmgr
		rewrite   unix  -       -       n       -       -       trivial-rewrite
		bounce    unix  -       -       n       -       0       bounce
		defer     unix  -       -       n       -       0       bounce
		trace     unix  -       -       n       -       0       bounce
		proxymap  unix  -       -       n       -       -       proxymap
		smtp      unix  -       -       n       -       -       smtp
		showq     unix  n       -       n       -       -       showq
		error     unix  -       -       n       -       -       error
		retry     unix  -       -       n       -       -       error
		anvil     unix  -       -       n       -       1       anvil
		postlog   unix-dgram n  -       n       -       1       postlogd
	CONF
} >"$dir/etc/master.cf"

# The first is not announced by anybody: it answers when Postfix's mail arrives.
launch "$dir/sink.pid" "$dir/sink.log" smtp-sink -u nobody -d "$dir/sink/%s." "127.0.0.1:$sink_port" 100
wait_until "$dir/sink.log" eval "! is_free $sink_port"

PATH=$PATH postfix -c "$dir/etc" check >"$dir/check.log" 2>&1 || die "$(tail -n 3 "$dir/check.log")"

# smtpd does not come up without somebody to ask about logins.
launch "$dir/sasl.pid" "$dir/sasl.log" python3 "${0%/*}/saslauth.py" "$dir/queue/private/auth"
wait_until "$dir/sasl.log" test -S "$dir/queue/private/auth"

# In a session of its own: master ends its children by their process group.
launch "$dir/pid" "$dir/log" env MAIL_CONFIG="$dir/etc" setsid "$(postconf -c "$dir/etc" -hx daemon_directory)/master" -s
greets() {
	local line
	exec 3<>"/dev/tcp/127.0.0.1/$1" && IFS= read -r -t 5 line <&3 && [[ $line == 220* ]]
}
wait_until "$dir/log" eval "(greets $port)"
printf '%s=%s\n' PIDFILE "$dir/pid" PID "$PID" SINK_PIDFILE "$dir/sink.pid" SASL_PIDFILE "$dir/sasl.pid" \
	QUEUE "$dir/queue" ETC "$dir/etc" LOG "$dir/maillog" SINK "$dir/sink" PORT "$port" DATA_PORT "$data_port" END_PORT "$end_port" MANY_PORT "$many_port"
