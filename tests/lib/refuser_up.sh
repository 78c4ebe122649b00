#!/bin/bash
# A second Postfix on the loopback: whom mail is handed to, and who refuses some of it in its own words.
#   refuser_up.sh DIR "RECIPIENT OR DOMAIN=CODE TEXT"...     all other recipients are taken, and thrown away
# Prints PIDFILE PID LOG PORT as NAME=VALUE lines once it answers.  Exit 77: not installed, or not root.  Ends with down.sh PIDFILE.
# shellcheck source=tests/lib/server.sh
. "${0%/*}/server.sh"

need postfix postfix >/dev/null
[ "$(id -u)" = 0 ] || { echo "${0##*/}: Postfix's master runs as root only" >&2; exit 77; }
PATH=$PATH:/usr/sbin:/sbin
dir=$(own_dir "${1:?usage: refuser_up.sh DIR REFUSAL...}")
shift
port=$(free_port)

chmod 711 "$dir"
mkdir -m 755 "$dir/etc" "$dir/queue"
mkdir -m 700 "$dir/data"
chown postfix "$dir/data"

table=
for refusal; do
	table="$table { $refusal },"
done
cat >"$dir/etc/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
mail_owner = postfix
maillog_file = $dir/maillog
maillog_file_prefixes = $dir
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mx.receiver.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
default_transport = discard
smtpd_peername_lookup = no
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access inline:{ ${table%,} }, permit
CONF
cat >"$dir/etc/master.cf" <<CONF
127.0.0.1:$port inet n - n - - smtpd
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
proxymap  unix  -       -       n       -       -       proxymap
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
CONF

PATH=$PATH postfix -c "$dir/etc" check >"$dir/check.log" 2>&1 || die "$(tail -n 3 "$dir/check.log")"
# In a session of its own: master ends its children by their process group.
launch "$dir/pid" "$dir/log" env MAIL_CONFIG="$dir/etc" setsid "$(postconf -c "$dir/etc" -hx daemon_directory)/master" -s
greets() {
	local line
	exec 3<>"/dev/tcp/127.0.0.1/$port" && IFS= read -r -t 1 line <&3 && [[ $line == 220* ]]
}
wait_until "$dir/maillog" eval "(greets)"
printf '%s=%s\n' PIDFILE "$dir/pid" PID "$PID" LOG "$dir/maillog" PORT "$port"
