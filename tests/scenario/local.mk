# SPDX-License-Identifier: Apache-2.0
# Attack stories and quiet days: each folder NAME/ is one scenario, see tests/scenario/README.md.
