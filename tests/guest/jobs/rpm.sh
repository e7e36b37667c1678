# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: what an RPM system runs when the package comes, is upgraded and goes while a mirror is written
# quick: no
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh
# shellcheck source=tests/guest/chroot.sh
. /job/chroot.sh

# This is a Debian, which has the files by its own package: only the scriptlets are those of the RPM.
scriptlet() { # NAME COUNT, as rpm calls it with how many are installed behind it
	timeout 60 sh "/job/rpm/$1" "$2"
}
states() { systemctl "$1" dirtylogd dirtylogd-keep | xargs; }

make_vg vg d0 d1 d2
make_mirror vg/a 96M disk
dirtylogctl adopt vg/a
start_writes /dev/vg/a
before=$(server_pid)
scriptlet post 2 >/tmp/out
equal "an upgrade leaves the server alone" "$(server_pid)" "$before"
check "and tells of reload" grep -q "systemctl reload dirtylogd" /tmp/out
check "the one before it goes" scriptlet preun 1
equal "and takes nothing with it" "$(states is-active) $(log_type vg-a)" "active active userspace"

check "it goes in a chroot" in_chroot "dev proc run" sh /job/rpm/preun 0
check "and in one without /proc" in_chroot "dev run" sh /job/rpm/preun 0
equal "whose host keeps all" "$(states is-active) $(states is-enabled) $(log_type vg-a)" \
	"active active enabled enabled userspace"

check "the last one goes" scriptlet preun 0
equal "a is on the kernel's log" "$(log_type vg-a)" disk
at_most "milliseconds of the slowest write" "$(slowest_write)" 10000
equal "all is stopped" "$(states is-active)" "inactive inactive"
equal "and disabled" "$(states is-enabled)" "disabled disabled"
check "behind it" scriptlet postun 0

check "it comes" scriptlet post 1
equal "and is what this distribution's presets say" "$(states is-enabled)" "enabled enabled"
systemctl start dirtylogd
until_true 20 dirtylogctl stats >/dev/null

# A mirror that has lost a leg is not touched.
lvchange -q --monitor n vg/a
by_hand vg-a
echo offline >"/sys/block/$(basename "$(disk d1)")/device/state"
# The kernel holds it until the mirror is repaired.
dd if=/dev/zero of=/dev/vg/a bs=4k count=1 oflag=direct 2>/dev/null &
check "a leg is dead" until_true 20 sh -c 'dmsetup status vg-a | grep -q " AD "'
check_not "it does not go" scriptlet preun 0
check "still serves" until_true 20 dirtylogctl stats
equal "all of it runs" "$(states is-active)" "active active"
equal "still on dirtylogd" "$(log_type vg-a)" userspace
# The held write ends with the mirror, so that this guest can.
dmsetup reload vg-a --table "0 $(blockdev --getsz /dev/vg/a) error"
dmsetup suspend --noflush vg-a
dmsetup resume vg-a
wait
