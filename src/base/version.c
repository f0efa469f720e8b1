/* SPDX-License-Identifier: MIT */
/* The version of the library at run time. */
#include <holdfast/version.h>

const char *hf_version(void)
{
	return HF_VERSION;
}
