# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: the package removed while mirrors are written: they go on with the kernel's log, or it is not removed
# disks: 5
# timeout: 600
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

make_vg vg d0 d1 d2
make_vg other d3 d4
make_mirror other/c 96M core
make_mirror vg/a 96M disk
make_mirror vg/b 96M core
by_hand vg-a
by_hand vg-b
check "adopted" dirtylogctl adopt other/c
check "all are on dirtylogd" test "$(dmsetup table --target mirror | grep -c userspace)" = 3

start_writes /dev/vg/a
check "removed" timeout 60 dpkg -r dirtylogd
equal "a is on the kernel's log" "$(log_type vg-a)" disk
equal "b is on the kernel's log" "$(log_type vg-b)" core
equal "c is on the kernel's log" "$(log_type other-c)" core
equal "c has no tag" "$(lvs --noheadings -o lv_tags other/c | tr -d ' ')" ""
check "a write goes on" timeout 20 dd if=/dev/zero of=/dev/vg/b bs=4k count=1 oflag=direct
at_most "milliseconds of the slowest write" "$(slowest_write)" 10000
check_not "stopped" systemctl is-active --quiet dirtylogd

check "installed again" dpkg -i /job/dirtylogd.deb
until_true 20 dirtylogctl stats >/dev/null
check "adopted" dirtylogctl adopt other/c
# A mirror that has lost a leg is not touched: what the other one has is known to its log alone.
lvchange -q --monitor n vg/a
by_hand vg-a
echo offline >"/sys/block/$(basename "$(disk d1)")/device/state"
# The kernel holds it until the mirror is repaired.
dd if=/dev/zero of=/dev/vg/a bs=4k count=1 oflag=direct 2>/dev/null &
check "a leg is dead" until_true 20 sh -c 'dmsetup status vg-a | grep -q " AD "'
check_not "not removed" timeout 60 dpkg -r dirtylogd
# What was given back before that was found out has its tag still.
equal "c has its tag" "$(lvs --noheadings -o lv_tags other/c 2>/dev/null | tr -d ' ')" dirtylogd
check "c is adopted again" until_true 40 is_on other-c userspace
equal "still installed" "$(dpkg-query -W -f '${db:Status-Status}' dirtylogd)" installed
check "still serves" until_true 20 dirtylogctl stats
equal "all of it runs" "$(systemctl is-active dirtylogd dirtylogd-keep | xargs)" "active active"
equal "still on dirtylogd" "$(log_type vg-a)" userspace
# The held write ends with the mirror, so that this guest can.
dmsetup reload vg-a --table "0 $(blockdev --getsz /dev/vg/a) error"
dmsetup suspend --noflush vg-a
dmsetup resume vg-a
wait
