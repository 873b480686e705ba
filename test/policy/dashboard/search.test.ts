import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { complete, formatSearch, listingOf, parseSearch, toggle } from "../../../dashboard/src/search.ts";

describe("the dashboard's search", () => {
  test("tokens, quoted values and free text become what a list is asked for", () => {
    const search = parseSearch('domain:http status:failed status:dead_letter tag:order=4217 error:"no such host" parcel 12');
    expect(listingOf(search)).toEqual({
      domain: "http",
      id: undefined,
      filters: { status: ["failed", "dead_letter"], tag: ["order:4217"], error: "no such host", q: "parcel 12" },
    });
  });

  test("what looks like an id is one; of tokens that count once the last counts; other words with a colon are text", () => {
    expect(listingOf(parseSearch("media_17"))).toMatchObject({ id: "media_17", filters: {} });
    expect(listingOf(parseSearch("id:media_17 status:failed"))).toMatchObject({ id: "media_17" });
    expect(listingOf(parseSearch("type:a type:b"))).toMatchObject({ filters: { type: "b" } });
    expect(listingOf(parseSearch("http://x/y"))).toMatchObject({ filters: { q: "http://x/y" } });
    expect(listingOf(parseSearch("status:failed,expired"))).toMatchObject({ filters: { status: ["failed", "expired"] } });
  });

  test("a comma parts statuses, and is part of a tag", () => {
    expect(listingOf(parseSearch('tag:size=1,2 tag:"name=Doe, Jane"'))).toMatchObject({ filters: { tag: ["size:1,2", "name:Doe, Jane"] } });
    expect(formatSearch(toggle(parseSearch("status:failed,expired"), "status", "failed"))).toBe("status:expired");
  });

  test("a search is the same after it was written and read again", () => {
    const word = fc.stringMatching(/^[a-z0-9=._-]{1,12}$/);
    const quoted = fc.stringMatching(/^[a-z"\\ ]{1,8}[a-z]$/).map((text) => text.trim());
    const name = fc.constantFrom("domain", "type", "status", "tag", "error", "key", "group");
    const value = fc.oneof(
      word,
      quoted.filter((text) => /[\s"]/.test(text)),
      fc.tuple(word, word).map((pair) => pair.join(" ")),
    );
    const token = fc.record({ name, value });
    fc.assert(
      fc.property(fc.array(token, { maxLength: 6 }), word, (tokens, text) => {
        const search = parseSearch(formatSearch({ tokens: tokens as never, text }));
        expect(parseSearch(formatSearch(search))).toEqual(search);
        for (const [name, value] of tokens.map((token) => [token.name, token.value] as const))
          if (name === "status" || name === "tag") expect(search.tokens).toContainEqual({ name, value });
        expect(search.text).toBe(text);
      }),
    );
  });

  test("a status is switched on and off beside others; a domain is replaced", () => {
    const one = toggle(parseSearch("domain:http parcel"), "status", "failed");
    expect(formatSearch(one)).toBe("domain:http status:failed parcel");
    expect(formatSearch(toggle(toggle(one, "status", "expired"), "status", "failed"))).toBe("domain:http status:expired parcel");
    expect(formatSearch(toggle(one, "domain", "media"))).toBe("status:failed domain:media parcel");
  });

  test("names and values are completed where the cursor is", () => {
    expect(complete("sta", 3, {}).map(({ text }) => text)).toEqual(["status:"]);
    const known = { status: ["failed", "expired"], tag: ["order=", "tier="] };
    expect(complete("parcel status:f", 15, known)).toMatchObject([{ text: "parcel status:failed ", cursor: 21 }]);
    expect(complete("sta parcel", 3, known)).toMatchObject([{ text: "status: parcel", cursor: 7 }]);
    expect(complete("tag:or", 6, known)).toMatchObject([{ text: "tag:order=", cursor: 10 }]);
    expect(complete("nothing:f", 9, known)).toEqual([]);
  });
});
