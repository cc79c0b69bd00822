# SPDX-License-Identifier: Apache-2.0
# What packagers and operators take from contrib/: each file has a line here.
