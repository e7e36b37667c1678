# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: a mirror whose leg takes 45 s for a write is adopted: nobody ends who suspends it, though that takes as long
# quick: no
# timeout: 500
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

modprobe dm-delay
make_vg vg d0 d1 d2
make_mirror vg/a 96M core
leg='vg-a_mimage_1'
fast=$(dmsetup table $leg)
slow=$(echo "$fast" | awk '{ print $1, $2, "delay", $4, $5, 0, $4, $5, 45000 }')
on_leg() { dmsetup reload $leg --table "$1" && dmsetup suspend --noflush $leg && dmsetup resume $leg; }

check "the leg is slow" on_leg "$slow"
dd if=/dev/zero of=/dev/vg/a bs=4k count=1 oflag=direct 2>/dev/null &
writing=$!
sleep 1
lvchange --addtag dirtylogd vg/a
start=$(now)
echo change >"/sys/block/$(basename "$(readlink -f /dev/vg/a)")/uevent"
sleep 20
check "it is on its way still" test -d /proc/$writing
check "adopted" until_true 120 is_on vg-a userspace
figure "adopted $(elapsed_since "$start") s behind the first try"
wait $writing
check "the leg is fast" on_leg "$fast"
check "the keeper has told it to end" sh -c "journalctl -u dirtylogd-keep -o cat | grep 'does not answer'"
check "and that it is adopted is said" until_true 20 sh -c "journalctl -u dirtylogd-keep -o cat | grep 'vg/a: adopted again'"
# Whoever comes next would hang.
check "it can be suspended" timeout -s KILL 20 dmsetup suspend --noflush vg-a
check "and resumed" dmsetup resume vg-a
check "and written" timeout 20 dd if=/dev/zero of=/dev/vg/a bs=4k count=1 oflag=direct

# All of dirtylogd dies while one of keep's is at a mirror that does not answer: the others wait for the next start alone.
make_mirror vg/b 32M core
check "another one is adopted" dirtylogctl adopt vg/b
lvchange --deltag dirtylogd vg/a
check "released" dirtylogctl release vg/a
check "the leg is slow again" on_leg "$slow"
dd if=/dev/zero of=/dev/vg/a bs=4k count=1 oflag=direct 2>/dev/null &
writing=$!
sleep 1
lvchange --addtag dirtylogd vg/a
echo change >"/sys/block/$(basename "$(readlink -f /dev/vg/a)")/uevent"
sleep 5
pid=$(service_pid)
start=$(now)
systemctl kill -s KILL dirtylogd
check "the other mirror is written" timeout -s KILL 40 dd if=/dev/zero of=/dev/vg/b bs=4k count=1 oflag=direct
at_most "seconds until it is, all of dirtylogd killed" "$(elapsed_since "$start")" 25
check_not "by the one that was killed" test "$(service_pid)" = "$pid"
check "it is on its way still" test -d /proc/$writing
wait $writing
check "the leg is fast" on_leg "$fast"
check "adopted in the end" until_true 90 is_on vg-a userspace
