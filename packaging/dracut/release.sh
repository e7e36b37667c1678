#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# At the end dracut kills whatever has files of the old root open, dirtylogd too, and unmounts that then.
dirtylogctl release --once --all
