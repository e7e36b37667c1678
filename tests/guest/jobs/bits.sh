# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: an adopted mirror with a disk log keeps its bits behind LVM's commands: nothing is copied again
# quick: no
# timeout: 900
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

make_vg vg d0 d1 d2 d3
lvcreate -q -y --type mirror -m 1 --mirrorlog disk -R 512k -L 32M -n a vg >/dev/null
in_sync() { dmsetup status "$DEVICE" | grep -Eq ' ([0-9]+)/\1 '; }
DEVICE='vg-a'
check "in sync" until_true 60 in_sync
check "adopt" dirtylogctl adopt vg/a

# In sectors. Nobody writes to the mirror: what is written to its second leg is a resync.
copied() { awk '{ print $7 }' "/sys/dev/block/$(lsblk -dno MAJ:MIN /dev/mapper/vg-a_mimage_1 | tr -d ' ')/stat"; }
before=$(copied)
keeps() { # WHAT SECTORS COMMAND...
	local what=$1 limit=$2 now
	shift 2
	"$@" >/tmp/out 2>&1 || { fail "$what: $*"; cat /tmp/out; }
	check "adopted behind $what" until_true 60 is_on "$DEVICE" userspace
	check "in sync behind $what" until_true 60 in_sync
	now=$(copied)
	check "what is copied is counted" test -n "$now"
	at_most "sectors copied behind $what" "$((now - before))" "$limit"
	before=$now
}

keeps "lvchange --refresh" 0 lvchange --refresh vg/a
keeps "lvchange --permission" 0 sh -c 'lvchange -pr vg/a; lvchange -prw vg/a'
keeps "pvmove of a leg" 0 pvmove --alloc anywhere -i 1 "$(disk d0)" "$(disk d3)"
DEVICE='vg-a-real' # below the snapshot's origin
keeps "a snapshot" 0 lvcreate -y -s -L 8M -n snap vg/a
DEVICE='vg-a'
keeps "the snapshot's end" 0 lvremove -y vg/snap
keeps "lvextend by 16 MiB" 32768 lvextend -y -L +16M vg/a
# Its devices are made anew, which count from 0.
lvchange -an vg/a
before=0
keeps "deactivation and activation" 0 lvchange -ay vg/a
lvchange -y --resync vg/a >/dev/null 2>&1
check "in sync behind lvchange --resync" until_true 60 in_sync
at_least "which copies, in sectors" "$(copied)" 98304
