# SPDX-License-Identifier: Apache-2.0
# Attack stories and quiet days: each folder NAME/ is one scenario, see tests/scenario/README.md.
TESTS += %D%/stories.py %D%/demo.sh
dist_noinst_SCRIPTS += %D%/stories.py %D%/demo.sh
EXTRA_DIST += tests/support/synth.py
