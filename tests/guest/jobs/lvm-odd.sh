# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# about: LVM as it can be met: its reports as JSON, its commands that fail, its lock held for minutes, the root renamed
# quick: no
# timeout: 700
# shellcheck source=tests/guest/lib.sh
. /job/lib.sh

make_vg vg d0 d1 d2
make_mirror vg/a 96M core
make_mirror vg/b 96M core
wakes_keep() { echo change >"/sys/block/$(basename "$(readlink -f "/dev/$1")")/uevent"; }

# Reports for programs: what an administrator may have chosen in lvm.conf.
cp /etc/lvm/lvmlocal.conf /tmp/lvmlocal.conf
cat >>/etc/lvm/lvmlocal.conf <<'CONF'
report {
	output_format = "json"
	prefixes = 1
	list_item_separator = ";"
}
CONF
lvchange --addtag other vg/a
lvchange --addtag dirtylogd vg/a
wakes_keep vg/a
check "kept, whatever reports look like" until_true 30 is_on vg-a userspace
check "released" dirtylogctl release vg/a
check "for good" sh -c '! lvs -o lv_tags vg/a | grep dirtylogd'
cp /tmp/lvmlocal.conf /etc/lvm/lvmlocal.conf

# A tag that cannot be taken away.
check "adopted" dirtylogctl adopt vg/a
mkdir -p /tmp/bin
printf '#!/bin/sh\nexit 5\n' >/tmp/bin/lvchange
chmod +x /tmp/bin/lvchange
check_not "a release that will not last is none" env PATH="/tmp/bin:$PATH" dirtylogctl release vg/a 2>/tmp/said
check "and that is said" grep "still has the tag dirtylogd" /tmp/said
lvchange --deltag dirtylogd vg/a
check "released" dirtylogctl release vg/a
check "on the kernel's log" until_true 10 is_on vg-a core

# More tags than a page holds, in whatever order.
long=$(printf 't%.0s' $(seq 1000))
for first in a c b z y; do
	lvchange -q --addtag "$first$long" vg/a >/dev/null
done
check "adopted among many tags" dirtylogctl adopt vg/a
lvchange --refresh vg/a
check "and kept" until_true 60 is_on vg-a userspace
check "released" dirtylogctl release vg/a

# Its lock is held: keep's attempts wait for it, and leave no command behind.
lvchange --addtag dirtylogd vg/a
lvchange --addtag dirtylogd vg/b
flock /run/lock/lvm/V_vg sleep 150 &
held=$!
sleep 1
wakes_keep vg/a
wakes_keep vg/b
most=0
for _ in $(seq 140); do
	sleep 1
	waiting=$(pgrep -xc 'lvs|lvm')
	[ "$waiting" -le "$most" ] || most=$waiting
done
at_least "commands of LVM's that waited" "$most" 1
at_most "commands of LVM's that wait at the end" "$waiting" 2
wait $held
check "adopted behind it" until_true 90 is_on vg-a userspace
check "and the other one" until_true 90 is_on vg-b userspace
