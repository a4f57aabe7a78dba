// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* The kernel's heap, log and random numbers. */
#define pr_fmt(fmt) "v4v: " fmt

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "glue.h"

void *v4v_c_alloc(size_t size, size_t align, bool zeroed)
{
	gfp_t gfp = zeroed ? GFP_KERNEL | __GFP_ZERO : GFP_KERNEL;

	/* kmalloc aligns powers of two to their size, and everything to 8. */
	if (align > 8)
		size = roundup_pow_of_two(max(size, align));
	return kvmalloc(size, gfp);
}

void v4v_c_free(void *memory)
{
	kvfree(memory);
}

void v4v_c_log(u32 level, const u8 *text, size_t len)
{
	switch (level) {
	case 3:
		pr_err("%.*s\n", (int)len, text);
		break;
	case 4:
		/* Most of these a peer or a user can cause, as often as it likes. */
		pr_warn_ratelimited("%.*s\n", (int)len, text);
		break;
	default:
		pr_info("%.*s\n", (int)len, text);
	}
}

void v4v_c_bug(const u8 *text, size_t len)
{
	pr_emerg("%.*s\n", (int)len, text);
	BUG();
}

u64 v4v_c_random(void)
{
	return get_random_u64();
}
