# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the package upgraded and reloaded, restarted and killed, each under writes whose slowest is bounded
# quick: no
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

make_vg vg d0 d1 d2
make_mirror vg/a 96M disk
check "adopted" dirtylogctl adopt vg/a

start_writes /dev/vg/a
sleep 6
at_most "undisturbed: milliseconds of the slowest write" "$(slowest_write)" 5000

# under_writes WHAT MILLISECONDS COMMAND...
under_writes() {
	local what=$1 limit=$2 before
	shift 2
	before=$(server_pid)
	start_writes /dev/vg/a
	sleep 2
	check "$what" "$@"
	check "$what: another server" until_true 30 another_server "$before"
	sleep 2
	at_most "$what: milliseconds of the slowest write" "$(slowest_write)" "$limit"
}
another_server() {
	local now
	now=$(server_pid)
	[[ $now && $now != "$1" ]]
}
before=$(server_pid)
check "reload if removed: nothing was" dirtylogctl reload --if-removed
equal "and it goes on" "$(server_pid)" "$before"

upgrade() { dpkg -i /job/dirtylogd.deb >/tmp/out 2>&1; }
upgrade_and_reload() { upgrade && systemctl reload dirtylogd; }
upgrade_and_reload_if_removed() { upgrade && dirtylogctl reload --if-removed; }

under_writes "upgrade and reload" 10000 upgrade_and_reload
under_writes "upgrade and reload if removed" 10000 upgrade_and_reload_if_removed
under_writes "reload" 10000 systemctl reload dirtylogd
under_writes "restart" 15000 systemctl restart dirtylogd
under_writes "kill of the server" 5000 kill -KILL "$(server_pid)"
under_writes "kill of all of it" 20000 systemctl kill -s KILL dirtylogd
equal "still on dirtylogd" "$(log_type vg-a)" userspace
check "in sync in the end" until_true 120 sh -c "dmsetup status vg-a | grep -Eq ' ([0-9]+)/\\1 '"
