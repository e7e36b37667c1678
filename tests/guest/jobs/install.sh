# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the package on a plain Debian 12: installed, enabled, serves
# package: no
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

dpkg -i /job/dirtylogd.deb
equal "installed" "$(dpkg-query -W -f '${Status}' dirtylogd)" "install ok installed"
equal "enabled" "$(systemctl is-enabled dirtylogd)" enabled
equal "active" "$(systemctl is-active dirtylogd)" active
check "answers" dirtylogctl stats
check "dm-log-userspace is loaded" test -d /sys/module/dm_log_userspace
locked=$(awk '/VmLck/ { print int($2 / 1024) }' "/proc/$(server_pid)/status")
figure "locked without logs: $locked MiB"
at_most "MiB locked without logs" "$locked" 80
check "dirtylogctl check finds nothing" host_is_well
exposure=$(systemd-analyze security --no-pager dirtylogd.service | sed -n 's/.*exposure level for dirtylogd.service: \([0-9.]*\).*/\1/p')
figure "systemd-analyze security: $exposure"
check "exposed less than 3" awk -v exposure="$exposure" 'BEGIN { exit !(exposure > 0 && exposure < 3) }'
check "systemctl status says what it does" sh -c 'systemctl show -P StatusText dirtylogd | grep -q "serves 0 logs"'

# One that does not answer is noticed.
supervisor=$(systemctl show -P MainPID dirtylogd)
server=$(server_pid)
kill -STOP "$server" "$supervisor"
start=$(date +%s)
dirtylogctl status >/dev/null 2>/tmp/said
equal "a stopped one: exit status" "$?" 3
at_most "seconds until that is said" $(($(date +%s) - start)) 5
check "and is said" grep -q "does not answer" /tmp/said
kill -CONT "$server" "$supervisor"
check "it goes on" until_true 20 dirtylogctl stats

# Who is not root.
setpriv --reuid=nobody --clear-groups dirtylogctl status >/tmp/out 2>/tmp/said
equal "not root: exit status" "$?" 3
equal "not root: nothing on stdout" "$(cat /tmp/out)" ""
check "not root: is said" grep -q . /tmp/said
