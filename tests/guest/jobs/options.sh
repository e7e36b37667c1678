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
check "and takes the others" dirtylogctl logs
at_most "milliseconds of the slowest write" "$(slowest_write)" 10000

start_writes /dev/vg/a
sed -i '/^workers = many/d' $CONF
before=$(server_pid)
check "reload of a right one" systemctl reload dirtylogd
check "has gone on when it is back" test "$(server_pid)" != "$before" -a -n "$(server_pid)"
check "with the option that was changed" grep -qx "clear-delay 7" <(dirtylogctl set)
echo 'log-level = debug' >>$CONF
systemctl reload dirtylogd
since=$(date +%s)
dmsetup status vg-a >/dev/null
dd if=/dev/zero of=/dev/vg/a bs=4k count=1 oflag=direct 2>/dev/null
systemctl kill -s KILL --kill-who=main dirtylogd
check "serves" until_true 20 dirtylogctl stats
# A program that cannot be run.
mv /usr/sbin/dirtylogd /usr/sbin/dirtylogd.good
printf '#!/bin/sh\nexit 1\n' >/usr/sbin/dirtylogd
chmod +x /usr/sbin/dirtylogd
before=$(server_pid)
check_not "reload of a program that does not run" systemctl reload dirtylogd
mv /usr/sbin/dirtylogd.good /usr/sbin/dirtylogd
equal "goes on as it was" "$(server_pid)" "$before"
printf 'record = /var/tmp/recorded\nio-engine = uring\n' >>$CONF
systemctl restart dirtylogd
equal "serves though it cannot record" "$(systemctl is-active dirtylogd)" active
figure "slowest write over reloads, restart and kill: $(slowest_write) ms"
