# SPDX-License-Identifier: Apache-2.0
"""Live tests that are more than one row of a table."""
ALL = []
