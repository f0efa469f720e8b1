# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# What the scripts share. Sourced with $top, $build and $logs set to the source tree, the build tree
# and a directory for logs; needs nothing but a shell and awk.
# shellcheck disable=SC2154

# Seconds since 1970, for timings.
now() {
	date +%s
}

# die TEXT: one line on what is wrong.
die() {
	echo "$(basename "$0"): $1" >&2
	exit 1
}

# cores: how many commands make may run at once.
cores() {
	nproc 2>/dev/null || echo 2
}

# stage NAME CMD...: runs it with its output in $logs/NAME.log, and shows how long it took; on
# failure shows the end of the log and gives up.
stage() {
	stage_name=$1
	shift
	stage_log=$logs/$(echo "$stage_name" | tr ' /' '--').log
	stage_began=$(now)
	printf '  %-28s ' "$stage_name"
	if "$@" >"$stage_log" 2>&1; then
		echo "$(($(now) - stage_began)) s"
	else
		echo "failed after $(($(now) - stage_began)) s"
		tail -n 60 "$stage_log"
		die "$stage_name failed"
	fi
}

# have_server: whether there is a PostgreSQL server to start.
have_server() {
	[ -n "${HOLDFAST_DSN-}" ] && return 0
	if command -v pg_config >/dev/null 2>&1; then
		[ -x "$(pg_config --bindir)/initdb" ] && return 0
	fi
	for f in /usr/lib/postgresql/*/bin/initdb; do
		[ -x "$f" ] && return 0
	done
	command -v initdb >/dev/null 2>&1
}

# missing_packages: the Debian packages without which it cannot be built and tested. Looks for what
# they bring, not for the packages, so that other ways to get it count.
missing_packages() {
	command -v "${CC:-cc}" >/dev/null 2>&1 || echo build-essential
	command -v make >/dev/null 2>&1 || echo make
	command -v pkg-config >/dev/null 2>&1 || echo pkg-config
	command -v autoreconf >/dev/null 2>&1 || echo autoconf
	command -v automake >/dev/null 2>&1 || echo automake
	command -v libtoolize >/dev/null 2>&1 || echo libtool
	m4=$(aclocal --print-ac-dir 2>/dev/null || echo /usr/share/aclocal)
	[ -f "$m4/ax_pthread.m4" ] || [ -f /usr/share/aclocal/ax_pthread.m4 ] || echo autoconf-archive
	pkg-config --exists libpq 2>/dev/null || echo libpq-dev
	pkg-config --exists apr-1 2>/dev/null || echo libapr1-dev
	pkg-config --exists apr-util-1 2>/dev/null || echo libaprutil1-dev
	pkg-config --exists check 2>/dev/null || echo check
	have_server || echo postgresql
}

# optional_packages: those without which an example or a library beside the core is left out, or a
# test has no partner, and skips. Not here: prometheus (96 MB, a service) for one check of a page,
# which .ci/run installs.
optional_packages() {
	pkg-config --exists inih 2>/dev/null || echo libinih-dev
	pkg-config --exists jansson 2>/dev/null || echo libjansson-dev
	pkg-config --exists libuv 2>/dev/null || echo libuv1-dev
	pkg-config --exists libevent 2>/dev/null || echo libevent-dev
	pkg-config --exists libmicrohttpd 2>/dev/null || echo libmicrohttpd-dev
	command -v curl >/dev/null 2>&1 || echo curl
	[ -x /usr/sbin/pgbouncer ] || echo pgbouncer
}

# apt_install PACKAGE...: as root, or through sudo.
apt_install() {
	sudo=
	[ "$(id -u)" -eq 0 ] || sudo=sudo
	$sudo apt-get update -q &&
		$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
			--no-install-recommends "$@"
}

# install_missing: installs what is missing, or says in one line what that is.
install_missing() {
	missing=$(missing_packages | tr '\n' ' ')
	missing=${missing% }
	[ -n "$missing" ] || return 0
	if ! command -v apt-get >/dev/null 2>&1; then
		die "missing, by their Debian names: $missing"
	fi
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
		die "missing: $missing (run as root: apt-get install $missing)"
	fi
	echo "  missing: $missing"
	# shellcheck disable=SC2046,SC2086 # lists of words
	stage packages apt_install $missing $(optional_packages)
	missing=$(missing_packages | tr '\n' ' ')
	[ -z "$missing" ] || die "still missing after installation: $missing"
}

# The steps of a build in $build, with the rest of the arguments for configure. VPATH: the source
# tree gets configure and its helpers, nothing else.
bootstrap() {
	cd "$top" && autoreconf -fi
}

configure() {
	cd "$build" && "$top/configure" "$@"
}

compile() {
	cd "$build" && make -j"$(cores)" all
}

compile_tests() {
	cd "$build" && make -j"$(cores)" all check TESTS=
}

build_all() {
	if [ -f "$top/config.status" ]; then
		die "the source tree itself is configured: run make distclean in it first"
	fi
	mkdir -p "$build" "$logs" || exit 1
	install_missing
	stage bootstrap bootstrap
	stage configure configure --enable-developer "$@"
	stage compile compile
}

# results DIR: "PASSED FAILED SKIPPED" of a make check in DIR. A test program counts each of its TAP
# lines; one that says nothing, or dies beside them, counts as one.
results() {
	find "$1" -mindepth 1 -name 'build-*' -prune -o -name '*.trs' -print | LC_ALL=C sort | awk '
	{
		trs = $0
		log_file = trs
		sub(/trs$/, "log", log_file)
		ok = bad = skip = 0
		while ((getline line < log_file) > 0) {
			if (line ~ /^ok [0-9]+ .*# SKIP/)
				skip++
			else if (line ~ /^ok [0-9]+ /)
				ok++
			else if (line ~ /^not ok [0-9]+ /)
				bad++
		}
		close(log_file)
		verdict = ""
		while ((getline line < trs) > 0)
			if (line ~ /^:test-result: /)
				verdict = substr(line, 15)
		close(trs)
		if (verdict ~ /^(FAIL|ERROR|XPASS)/ && bad == 0)
			bad++
		else if (verdict ~ /^PASS/ && ok + skip == 0)
			ok++
		else if (verdict ~ /^SKIP/ && ok + skip == 0)
			skip++
		passed += ok
		failed += bad
		skipped += skip
	}
	END { print passed + 0, failed + 0, skipped + 0 }'
}

# failing_logs DIR: the logs of the tests of DIR that did not pass.
failing_logs() {
	find "$1" -mindepth 1 -name 'build-*' -prune -o -name '*.trs' -print | LC_ALL=C sort | while read -r trs; do
		if grep -Eq '^:test-result: (FAIL|ERROR|XPASS)' "$trs"; then
			echo "---- ${trs%.trs}"
			tail -n 200 "${trs%.trs}.log"
		fi
	done
}

# make_check DIR TARGET: runs it, showing a line per test program as it ends. True: make was content.
make_check() {
	rm -f "$logs/rc"
	{
		cd "$1" && make -k -j"$(cores)" "$2" 2>&1
		echo $? >"$logs/rc"
	} | tee "$logs/$2.log" | grep --line-buffered -E '^(PASS|FAIL|SKIP|ERROR|XPASS):' | sed 's/^/  /'
	[ "$(cat "$logs/rc")" = 0 ]
}
