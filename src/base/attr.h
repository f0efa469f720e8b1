/* SPDX-License-Identifier: MIT */
/* Small words of the compiler and the language that every floor uses. */
#ifndef HF_BASE_ATTR_H
#define HF_BASE_ATTR_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define hf_countof(a)                 (sizeof(a) / sizeof((a)[0]))
#define hf_likely(x)                  __builtin_expect(!!(x), 1)
#define hf_unlikely(x)                __builtin_expect(!!(x), 0)
#define hf_container_of(p, T, member) ((T *)(void *)((char *)(p)-offsetof(T, member)))

/* What must hold inside the library; a caller's mistake is answered with HF_E_MISUSE instead. */
#ifdef HF_DEBUG
#define hf_assert(x) assert(x)
#else
#define hf_assert(x) ((void)sizeof(x))
#endif

#endif
