# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: a file of options that is wrong stops no mirror: restart goes on without it, reload refuses it
# quick: no
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

CONF=/etc/dirtylogd/dirtylogd.conf
make_vg vg d0 d1 d2
make_mirror vg/a 96M disk
by_hand vg-a
equal "on dirtylogd" "$(log_type vg-a)" userspace
equal "the shipped file is right" "$(dirtylogd --check 2>&1)" ""

said_since() { journalctl -u dirtylogd --since "@$1" -o cat --no-pager; } # seconds
start_writes /dev/vg/a

printf 'clear-delay = 7\nworkers = many\n' >>$CONF
line=$(grep -n '^workers = many' $CONF | cut -d: -f1)
before=$(service_pid):$(server_pid)
check_not "reload of a wrong file" systemctl reload dirtylogd
equal "nothing changed" "$(service_pid):$(server_pid)" "$before"
check "names the line" grep -q "dirtylogd.conf:$line: workers = many: expected" <(journalctl -u dirtylogd -o cat --no-pager)

since=$(date +%s)
systemctl restart dirtylogd
equal "serves after a restart with it" "$(systemctl is-active dirtylogd)" active
check "names the line again" grep -q "dirtylogd.conf:$line: workers = many: expected" <(said_since "$since")
check "and takes the others" grep -qx "clear-delay 7" <(dirtylogctl set)
at_most "milliseconds of the slowest write" "$(slowest_write)" 10000

start_writes /dev/vg/a
sed -i -e '/^workers = many/d' -e 's/^clear-delay = 7/clear-delay = 8/' $CONF
before=$(server_pid)
check "reload of a right one" systemctl reload dirtylogd
check "has gone on when it is back" test "$(server_pid)" != "$before" -a -n "$(server_pid)"
check "with the option that was changed" grep -qx "clear-delay 8" <(dirtylogctl set)
echo 'log-level = debug' >>$CONF
check "and again" systemctl reload dirtylogd
check "with the next one" grep -qx "log-level debug" <(dirtylogctl set)
check "and is written" timeout 20 dd if=/dev/zero of=/dev/vg/a bs=4k count=1 oflag=direct
before=$(server_pid)
another_serves() { [[ $(server_pid) != "" && $(server_pid) != "$before" ]]; }
systemctl kill -s KILL --kill-who=main dirtylogd
check "serves behind a kill" until_true 20 another_serves

# A program that cannot be run, where it was or in its place, as dpkg does it: dirtylogctl or the supervisor itself
# finds out.
refused() { # HOW
	local before
	before=$(server_pid)
	check_not "reload of a program that does not run, $1" systemctl reload dirtylogd
	equal "goes on as it was" "$(server_pid)" "$before"
	mv /usr/sbin/dirtylogd.good /usr/sbin/dirtylogd
}
printf '#!/bin/sh\nexit 1\n' >/root/bad
chmod +x /root/bad
cp -p /usr/sbin/dirtylogd /usr/sbin/dirtylogd.good
mv /root/bad /usr/sbin/dirtylogd
refused "in its place"
systemctl restart dirtylogd
mv /usr/sbin/dirtylogd /usr/sbin/dirtylogd.good
printf '#!/bin/sh\nexit 1\n' >/usr/sbin/dirtylogd
chmod +x /usr/sbin/dirtylogd
refused "where it was"

printf 'record = /var/tmp/recorded\nio-engine = uring\n' >>$CONF
systemctl restart dirtylogd
equal "serves though it cannot record" "$(systemctl is-active dirtylogd)" active
at_most "milliseconds of the slowest write over reloads, restarts and a kill" "$(slowest_write)" 20000
equal "still on dirtylogd" "$(log_type vg-a)" userspace
check "and well" sh -c "dmsetup status vg-a | grep -q ' 1 AA .* A\$'"
