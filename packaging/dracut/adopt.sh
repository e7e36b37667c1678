#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# When the root is there: volumes with the tag are adopted before anything of the real root runs.

# The real root's systemd stops at its start what it has no unit for, or none that ignores it.
mkdir -p /run/systemd/system
cp /lib/systemd/system/dirtylogd-initramfs.service /run/systemd/system/

tagged=$(lvm lvs --noheadings -o lv_full_name,lv_tags -S 'lv_tags=dirtylogd && lv_active=active' 2>/dev/null)
while read -r volume tags; do
	[ -n "$volume" ] || continue
	case ,$tags, in
	*,dirtylogd-plain,*) plain=yes ;; # no log in front
	*) plain= ;;
	esac
	dirtylogctl adopt --once ${plain:+--plain} "$volume" </dev/null ||
		warn "$volume is on the kernel's log; dirtylogd-keep.service tries again"
done <<VOLUMES
$tagged
VOLUMES
