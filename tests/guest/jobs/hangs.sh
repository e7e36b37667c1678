# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: a server that hangs under writes, and one whose supervisor does: said, ended and replaced
# quick: no
# timeout: 500
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

make_vg vg d0 d1 d2
make_mirror vg/a 96M core
by_hand vg-a
equal "on dirtylogd" "$(log_type vg-a)" userspace

status_says() { systemctl show -P StatusText dirtylogd | grep -q "$1"; }
another_server() { # SUPERVISOR:SERVER of before
	local now
	now=$(server_pid)
	[[ $now && $(service_pid) != 0 && ${now} != "${1#*:}" ]]
}

start_writes /dev/vg/a
before=$(service_pid):$(server_pid)
start=$(now)
kill -STOP "${before#*:}"
check "systemctl status says it" until_true 9 status_says "stopped by a signal"
check "the server is replaced" until_true 30 another_server "$before"
figure "another server $(elapsed_since "$start") s behind the stop"
equal "by its supervisor" "$(service_pid)" "${before%:*}"
check "and that is said" until_true 5 status_says "serves 1 log"
at_most "milliseconds of the slowest write" "$(slowest_write)" 25000

# Nobody is left that would see it but systemd.
start_writes /dev/vg/a
before=$(service_pid):$(server_pid)
start=$(now)
kill -STOP "${before#*:}" "${before%:*}"
dirtylogctl status >/dev/null 2>/tmp/said
equal "dirtylogctl's exit status" "$?" 3
at_most "seconds until it says so" "$(elapsed_since "$start")" 5
check "and says" grep -q "does not answer" /tmp/said
# Each try takes two seconds while nobody answers.
check "all of it is replaced" until_true 3 another_server "$before"
figure "another server $(elapsed_since "$start") s behind the stop of it and its supervisor"
journalctl -u dirtylogd -b --no-pager -o short-monotonic | tail -n 30
check_not "by another supervisor" test "$(service_pid)" = "${before%:*}"
at_most "milliseconds of the slowest write" "$(slowest_write)" 60000
equal "still on dirtylogd" "$(log_type vg-a)" userspace
check "none of the old ones is left" until_true 20 sh -c "! ps -o pid= -p ${before%:*},${before#*:}"
check "in sync in the end" until_true 120 sh -c "dmsetup status vg-a | grep -Eq ' ([0-9]+)/\\1 '"

# Its keeper ends and begins with it, however often.
for _ in 1 2 3 4 5 6 7; do
	systemctl restart dirtylogd
done
equal "the keeper behind seven restarts" "$(systemctl is-active dirtylogd-keep)" active
