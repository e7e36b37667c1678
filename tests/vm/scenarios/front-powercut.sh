# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# quick: no
# about: the power fails under writes while clears are held back by the cached log: as powercut
# disks: a=256M b=256M log=64M journal=1M
# needs: module
# timeout: 400
on_kernel_log() { [ "$KERNEL_LOG" = 1 ]; }
on_kernel_log && exit 0

# shellcheck disable=SC2034
KIND=front-dirtylogd-flush
# shellcheck source=tests/vm/scenarios/powercut.sh
. /scenarios/powercut.sh
