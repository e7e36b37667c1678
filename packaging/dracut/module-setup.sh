#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Puts dirtylogd into the initramfs if / or /usr stands on a mirror that it serves, or is to serve; or if it is named:
# add_dracutmodules+=" dirtylogd ".

# Device-mapper's names of those that it serves now, and of volumes that dirtylogd-keep adopts.
dirtylogds() {
	dmsetup table --target mirror 2>/dev/null | sed -n 's/: [0-9]* [0-9]* mirror \(cached .* \)\{0,1\}userspace .*//p'
	lvs --noheadings -o lv_dm_path -S lv_tags=dirtylogd 2>/dev/null | sed 's|.*/||; s| *$||'
}

# called by dracut
check() {
	local names
	require_binaries dirtylogd dirtylogctl dmsetup || return 1
	names=$(dirtylogds)
	[[ $names ]] || return 255
	for directory in / /usr; do
		lsblk -nrso NAME "$(findmnt -nvo SOURCE --target "$directory")" 2>/dev/null
	done | grep -qxF "$names" || return 255
}

# called by dracut
depends() {
	echo dm lvm systemd
}

# called by dracut
installkernel() {
	# The last where it is there: what is adopted without it stays so, for dirtylogd-keep finds it adopted. One that is
	# missing is no fault to instmods.
	hostonly='' instmods dm-mirror dm-log-userspace dm-log-cached
}

# called by dracut
# shellcheck disable=SC2154 # dracut's variables
install() {
	local unit=dirtylogd-initramfs.service
	inst_multiple dirtylogd dirtylogctl
	inst_simple -H /etc/dirtylogd/dirtylogd.conf
	inst_simple "$moddir/$unit" "$systemdsystemunitdir/$unit"
	$SYSTEMCTL -q --root "$initdir" enable "$unit"
	inst_hook pre-pivot 50 "$moddir/adopt.sh"
	inst_hook pre-shutdown 50 "$moddir/release.sh"
}
