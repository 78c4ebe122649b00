#!/bin/bash
# Name every include that points up, and every library that is not taken through its one door.
# The rule stands in ARCHITECTURE.md: main -> provision, budget, core; provision -> templates, dns, the gate's face, core;
# templates -> dns, core; budget -> core, dns/name.h; library -> the gate's face, core; dns -> core; core -> core.
set -u
cd "$(dirname "$0")/../.." || exit 70

# allowed ROOM: a pattern for the paths its files may include, one alternative a room or header.
allowed() {
	case $1 in
	main | front) echo 'provision/|budget/|core/' ;;
	provision) echo 'provision/|templates/|dns/|budget/(gate|contain|domain|imap|sending|suppress)\.h|core/' ;;
	templates) echo 'templates/|dns/|core/' ;;
	library) echo 'library/|budget/(gate|settings)\.h|core/' ;;
	budget) echo 'budget/|dns/name\.h|core/' ;;
	dns) echo 'dns/|core/' ;;
	core) echo 'core/' ;;
	esac
}

# door HEADER: the only files that may include it.
door() {
	case $1 in
	curl/*) echo 'core/lazy_curl.h' ;;
	cjson/* | cJSON.h) echo 'core/json.c' ;;
	libconfig.h) echo 'core/cfg_inside.h front.c' ;;
	sqlite3.h) echo 'core/lazy_sqlite.h core/db_args.c core/db_index.h core/db_log.h core/db_log.c core/db_pages.c front.c' ;;
	libpq-fe.h) echo 'core/db_postgres.h' ;;
	libsmartcols*) echo 'core/term.c' ;;
	libxml/*) echo 'core/xml.c' ;;
	*) echo any ;;
	esac
}

sources() {
	ls main.c front.c 2>/dev/null
	find core dns templates budget library provision -name '*.[ch]' 2>/dev/null | sort
}

bad=0
while IFS=: read -r file line text; do
	room=${file%%/*}
	room=${room%.c}
	name=$(sed -n 's/^ *# *include *[<"]\([^>"]*\)[>"].*/\1/p' <<<"$text")
	case $text in
	*\"*)
		if ! grep -qE "^($(allowed "$room"))" <<<"$name"; then
			echo "$file:$line: $room may not include $name"
			bad=1
		fi
		;;
	*)
		doors=$(door "$name")
		if [ "$doors" != any ] && [[ " $doors " != *" $file "* ]]; then
			echo "$file:$line: <$name> belongs behind $doors"
			bad=1
		fi
		;;
	esac
done < <(sources | xargs grep -Hn '^ *# *include')
exit "$bad"
