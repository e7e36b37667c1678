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
figure "locked without logs: $(awk '/VmLck/ { print $2 / 1024 " MiB" }' "/proc/$(server_pid)/status")"
check "dirtylogctl check finds nothing" host_is_well
check "systemctl status says what it does" sh -c 'systemctl show -P StatusText dirtylogd | grep -q "serves 0 logs"'
