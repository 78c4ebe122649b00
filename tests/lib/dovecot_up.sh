#!/bin/bash
# A private Dovecot on the loopback, configured with the lines that the manual gives, over the files of the mail host `local`.
#   dovecot_up.sh DIR MANUAL ROOT [PORT [MORE]]   MANUAL: man/coldrelay.8; ROOT: the mail host's root, whose dovecot/passwd says who may log
#   in; MORE: a file with more lines
# Mail belongs to nobody.  Its certificate is for localhost and 127.0.0.1, and not for 127.0.0.2 where it listens too; of an authority of
# its own.  Another authority vouches for nothing.
# Prints PIDFILE PID PORT TLS_PORT CA OTHER_CA LOG as NAME=VALUE lines once it answers: PORT offers STARTTLS, TLS_PORT is IMAPS.
# Exit 77: not installed, or not root, who alone can run Dovecot with users of its own.  Ends with down.sh PIDFILE.
# shellcheck source=tests/lib/server.sh
. "${0%/*}/server.sh"

dovecot=$(need dovecot dovecot-imapd)
need openssl openssl >/dev/null
[ -x /usr/lib/dovecot/imap ] || { echo "${0##*/}: /usr/lib/dovecot/imap is not installed (package dovecot-imapd)" >&2; exit 77; }
[ "$(id -u)" = 0 ] || { echo "${0##*/}: Dovecot with users of its own runs as root only" >&2; exit 77; }
dir=$(own_dir "${1:?usage: dovecot_up.sh DIR MANUAL ROOT [PORT]}")
manual=${2:?usage: dovecot_up.sh DIR MANUAL ROOT [PORT]}
root=${3:?usage: dovecot_up.sh DIR MANUAL ROOT [PORT]}
port=${4:-0}
more=${5:-/dev/null}
[ "$port" != 0 ] || port=$(free_port)
tls_port=$((port + 1))

# Dovecot's own users walk through here.
chmod 711 "$dir"

# authority NAME: NAME.pem and NAME.key.
authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
		-addext basicConstraints=critical,CA:TRUE -keyout "$dir/$1.key" -out "$dir/$1.pem" 2>/dev/null
}
for name in ca other; do
	authority "$name" || die "openssl made no authority"
done
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
	-keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$dir/server.ext"
openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
	-extfile "$dir/server.ext" -out "$dir/server.pem" 2>/dev/null || die "openssl made no certificate"

# The literal block that follows the mention of Dovecot's file, as a reader copies it.
manual_lines() {
	awk '
		index($0, "/etc/dovecot/local.conf") { here = 1 }
		here && /^\.Bd/ { inside = 1; next }
		inside && /^\.Ed/ { exit }
		inside' "$manual" |
		sed -e "s|/var/lib/coldrelay/mail|$root|" -e 's/^mail_uid = .*/mail_uid = nobody/' -e 's/^mail_gid = .*/mail_gid = nogroup/'
}

{
	cat <<-CONF
		base_dir = $dir/run
		state_dir = $dir/state
		log_path = $dir/mail.log
		listen = 127.0.0.1, 127.0.0.2
		ssl = yes
		ssl_cert = <$dir/server.pem
		ssl_key = <$dir/server.key
		disable_plaintext_auth = yes
		auth_failure_delay = 0
		service anvil {
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
		service imap-login {
		  inet_listener imap {
		    port = $port
		  }
		  inet_listener imaps {
		    port = $tls_port
		    ssl = yes
		  }
		}
	CONF
	manual_lines
	cat "$more"
} >"$dir/dovecot.conf"

launch "$dir/pid" "$dir/log" "$dovecot" -F -c "$dir/dovecot.conf"
greets() {
	local line
	exec 3<>"/dev/tcp/127.0.0.1/$port" && IFS= read -r -t 5 line <&3 && [[ $line == '* OK'* ]]
}
wait_until "$dir/log" eval '(greets)'
printf '%s=%s\n' PIDFILE "$dir/pid" PID "$PID" PORT "$port" TLS_PORT "$tls_port" CA "$dir/ca.pem" OTHER_CA "$dir/other.pem" LOG "$dir/mail.log"
