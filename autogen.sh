#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Generate configure and Makefile.in. Run once after a checkout; make keeps them fresh.
set -eu
cd "$(dirname "$0")"
exec autoreconf -fi
