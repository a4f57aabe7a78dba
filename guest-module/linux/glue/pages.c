// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* Ring memory: whole zeroed pages, mapped in one piece. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <xen/page.h>

#include "glue.h"

struct v4v_pages {
	void *address;
	u32 count;
	struct page *page[];
};
void v4v_c_pages_free(void *memory)
{
	struct v4v_pages *pages = memory;
	u32 i;

	if (pages->address && pages->count > 1)
		vunmap(pages->address);
	for (i = 0; i < pages->count && pages->page[i]; i++)
		__free_page(pages->page[i]);
	kvfree(pages);
}

void *v4v_c_pages_new(u32 count)
{
	struct v4v_pages *pages = kvzalloc(struct_size(pages, page, count), GFP_KERNEL_ACCOUNT);
	u32 i;

	if (!pages)
		return NULL;
	pages->count = count;
	for (i = 0; i < count; i++) {
		pages->page[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
		if (!pages->page[i])
			goto fail;
	}
	if (count == 1)
		pages->address = page_address(pages->page[0]);
	else
		pages->address = vmap(pages->page, count, VM_MAP, PAGE_KERNEL);
	if (pages->address)
		return pages;
fail:
	v4v_c_pages_free(pages);
	return NULL;
}

void *v4v_c_pages_address(void *pages)
{
	return ((struct v4v_pages *)pages)->address;
}

void v4v_c_pages_gfns(void *memory, u64 *gfns)
{
	struct v4v_pages *pages = memory;
	u32 i;

	for (i = 0; i < pages->count; i++)
		gfns[i] = pfn_to_gfn(page_to_pfn(pages->page[i]));
}
