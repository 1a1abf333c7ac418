import type { EventPage } from "./generated/types.gen.js";

/** Page of a list. */
export interface Page<Item> {
  data: Item[];
  has_more: boolean;
  next_cursor?: string | null;
  next_after?: number;
}

/** What to add to a query to get the next page. */
export interface Next {
  cursor?: string;
  after?: number;
}

/** Yield all items of a list: `iterate((next) => orderkeep.listOrders({ query: { user_id: "user-42", ...next } }))`. */
export async function* iterate<Item>(fetch: (next: Next) => Promise<Page<Item>>): AsyncGenerator<Item, void> {
  for await (const page of pages(fetch)) {
    yield* page.data;
  }
}

/** Yield all pages of a list. */
export async function* pages<AnyPage extends Page<unknown>>(
  fetch: (next: Next) => Promise<AnyPage>,
): AsyncGenerator<AnyPage, void> {
  let page: AnyPage | undefined;
  do {
    page = await fetch(page ? nextOf(page) : {});
    yield page;
  } while (page.has_more);
}

/**
 * Yield pages of events, then wait for new ones, without end:
 * `follow((next) => orderkeep.listEvents({ query: next }), 7)`. To continue later, store `next_after` of a page when all
 * its events are processed, and pass it as `after`.
 */
export async function* follow(
  fetch: (next: { after: number; wait: number }) => Promise<EventPage>,
  after = 0,
): AsyncGenerator<EventPage, void> {
  while (true) {
    const page = await fetch({ after, wait: 20 });
    if (page.data.length > 0) {
      yield page;
    }
    after = page.next_after;
  }
}

function nextOf({ next_after: after, next_cursor: cursor }: Page<unknown>): Next {
  return after === undefined ? { cursor: cursor! } : { after };
}
