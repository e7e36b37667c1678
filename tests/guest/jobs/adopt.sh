# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: mirrors adopted and released while they are written; bits kept; what LVM takes back comes back
# quick: no
# timeout: 600
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

make_vg vg d0 d1 d2 d3
make_mirror vg/disk-log 96M disk
make_mirror vg/core 400M core

params() { dmsetup table "$1" | cut -d' ' -f4-; }

without_state() { sed -e 's/disk 3 \([^ ]* [^ ]*\) nosync/disk 2 \1/'; }
before=$(params vg-disk--log)
start_writes /dev/vg/disk-log
check "adopt" dirtylogctl adopt vg/disk-log
check "on dirtylogd" is_on vg-disk--log userspace
equal "all but the log as before" "$(params vg-disk--log | cut -d' ' -f4-)" "disk $(without_state <<<"$before" | cut -d' ' -f3-)"
equal "tagged" "$(lvs --noheadings -o lv_tags vg/disk-log | tr -d ' ')" dirtylogd
check "again is no error" dirtylogctl adopt vg/disk-log
check_not "an unknown name is" dirtylogctl adopt vg/nothing
check "in sync soon" until_true 30 sh -c "dmsetup status vg-disk--log | grep -q ' 192/192 '"
check "the volume's use goes on" test "$(lvs --noheadings -o copy_percent vg/disk-log | tr -d ' ')" = 100.00

check "check finds nothing" host_is_well
check "release" dirtylogctl release vg/disk-log
equal "as before, but for nosync" "$(params vg-disk--log)" "$(without_state <<<"$before")"
equal "not tagged any more" "$(lvs --noheadings -o lv_tags vg/disk-log | tr -d ' ')" ""
at_most "milliseconds of the slowest write" "$(slowest_write)" 5000

# What its device says counts, also where LVM has made it with nosync: the kernel's log would believe that more.
lvchange -q -an vg/disk-log
lvchange -q -ay vg/disk-log
if dmsetup table vg-disk--log | grep -q nosync; then
	dmsetup table vg-disk--log
	check "adopt" dirtylogctl adopt --once vg/disk-log
	check_not "no nosync" sh -c "dmsetup table vg-disk--log | grep -q nosync"
	check "release" dirtylogctl release vg/disk-log
	check_not "nor there" sh -c "dmsetup table vg-disk--log | grep -q nosync"
else
	fail "LVM activates it with nosync: it did not, and what that does to a log was not tried"
fi

# A volume that is for reading alone stays so.
lvchange -q -pr vg/disk-log
check "adopt" dirtylogctl adopt --once vg/disk-log
equal "read-only" "$(blockdev --getro /dev/vg/disk-log)" 1
check "release" dirtylogctl release vg/disk-log
equal "read-only" "$(blockdev --getro /dev/vg/disk-log)" 1
lvchange -q -prw vg/disk-log

# A core log knows nothing once it is gone: nosync only if all was in sync.
check "adopt a core log in sync" dirtylogctl adopt /dev/vg/core
equal "nosync" "$(params vg-core | cut -d' ' -f4-6)" "core 1024 nosync"
check "release it" dirtylogctl release vg-core
equal "nosync" "$(params vg-core | cut -d' ' -f1-4)" "core 2 1024 nosync"
lvchange -q -y --resync vg/core >/dev/null 2>&1
dirtylogctl adopt --once vg/core
if dmsetup status vg-core | grep -q ' 800/800 '; then
	figure "resynced before it could be adopted"
else
	check_not "one that resyncs is not told nosync" sh -c "dmsetup table vg-core | grep -q nosync"
fi

# What LVM takes back comes back.
check "adopt all" dirtylogctl adopt --all
check "both" test "$(dmsetup table --target mirror | grep -c userspace)" = 2
check "in sync" until_true 60 sh -c "dmsetup status vg-core | grep -q ' 800/800 '"
stays() { # WHAT COMMAND...
	local what=$1 start
	shift
	start=$(now)
	"$@" >/tmp/out 2>&1 || { fail "$what: $*"; cat /tmp/out; }
	udevadm settle
	check "adopted behind $what" until_true 40 is_on "$(cat /run/watched)" userspace
	figure "$what: adopted again $(elapsed_since "$start") s after it began"
}
echo vg-disk--log >/run/watched
start_writes /dev/vg/disk-log
again() { journalctl -u dirtylogd-keep -o cat --no-pager | grep -c "vg/disk-log: adopted again"; }
before=$(again)
stays "lvextend" lvextend -q -y -L +16M vg/disk-log
more() { [ "$(again)" -gt "$before" ]; } # it says so some moments later
check "taken back and adopted again" until_true 20 more
stays "lvchange --refresh" lvchange --refresh vg/disk-log
stays "a tag" lvchange --addtag other vg/disk-log
stays "lvchange --monitor n" lvchange --monitor n vg/disk-log
stays "lvchange --monitor y" lvchange --monitor y vg/disk-log
figure "slowest write while LVM took it back: $(slowest_write) ms"
stays "deactivation and activation" sh -c 'lvchange -an vg/disk-log; lvchange -ay vg/disk-log'
lvs -a -o name,attr,devices,copy_percent vg
journalctl -u dirtylogd-keep -o cat --no-pager
check "no suspended device is left" test -z "$(dmsetup info -c --noheadings -o name,suspended | grep Suspended)"
