import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judgeAddress } from "../../src/domains/http/addresses.ts";

const refused = (url: string) => judgeAddress(url).refused;

describe("#58 addresses that are refused", () => {
  test.each([
    // loopback, in every spelling that a URL parser takes
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://127.0.0.1./",
    "http://127.255.255.254/",
    "http://１２７.0.0.1/",
    "http://①②⑦.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://127。0。0。1/",
    "HTTP://127.0.0.1:8080/",
    "http:\\\\127.0.0.1\\x",
    "http:/127.0.0.1/",
    "  http://127.0.0.1/",
    // this host, private, shared, link-local, multicast, documentation, reserved
    "http://0.0.0.0/",
    "http://0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://3232235777/",
    "http://100.64.0.1/",
    "http://169.254.1.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://198.18.0.1/",
    "http://192.0.2.1/",
    "http://198.51.100.7/",
    "http://203.0.113.9/",
    "http://192.0.0.8/",
    // the same in IPv6
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[0000:0000:0000:0000:0000:ffff:c0a8:0101]/",
    "http://[::127.0.0.1]/",
    "http://[::7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:53aa:64c::1]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[fd12:3456::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[100::1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[5f00::1]/",
    "http://[4000::1]/",
    // names
    "http://localhost/",
    "http://LOCALHOST:8787/",
    "http://localhost./",
    "http://a.localhost/",
    "http://db.internal/",
    "http://x.y.internal./",
    "http://printer.local/",
    "http://nas.home.arpa/",
    "http://nas.lan/",
    "http://redis/",
    "http://intranet/",
    "http://ｌｏｃａｌｈｏｓｔ/",
    "http://loc%61lhost/",
    "http://localhost.localdomain/",
    // metadata
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://[::ffff:169.254.169.254]/",
    "http://metadata.google.internal/",
    "http://metadata/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
  ])("%s", (url) => {
    expect(refused(url)).toMatch(/not a public address|private name|metadata/);
  });

  test.each([
    ["ftp://example.com/", /scheme is ftp/],
    ["file:///etc/passwd", /scheme is file/],
    ["javascript:alert(1)", /scheme/],
    ["data:,x", /scheme/],
    ["gopher://127.0.0.1/", /scheme/],
    ["http://user@example.com/", /user name/],
    ["http://user:pass@example.com/", /user name/],
    ["http://:pass@example.com/", /user name/],
    ["http://127.0.0.1\\@example.com/", /not a public address/],
    ["http://example.com@127.0.0.1/", /user name/],
    ["", /not an absolute URL/],
    ["example.com", /not an absolute URL/],
    ["//example.com/", /not an absolute URL/],
    ["http://", /not an absolute URL/],
    ["http://256.1.1.1/", /not an absolute URL/],
    ["http://[::1/", /not an absolute URL/],
    ["http://a b.com/", /not an absolute URL/],
    ["http://example.com:99999/", /not an absolute URL/],
    ["http://1.2.3.4.5/", /not an absolute URL/],
  ])("%s", (url, reason) => {
    expect(refused(url)).toMatch(reason);
  });
});

test.each([
  "http://example.com/",
  "https://example.com:8443/a?b#c",
  "http://8.8.8.8/",
  "http://134744072/",
  "http://[2606:4700::1111]/",
  "http://[::ffff:8.8.8.8]/",
  "http://EXAMPLE.com./",
  "http://172.15.0.1/",
  "http://172.32.0.1/",
  "http://100.128.0.1/",
  "http://localhost.example.com/",
  "http://internal.example.com/",
  "http://mylocal.dev/",
  "http://bücher.example/",
  "http://127.0.0.1.example.com/",
])("public: %s", (url) => {
  expect(refused(url)).toBeUndefined();
});

test("a relative redirect is judged with its base", () => {
  const base = new URL("https://example.com/a/b");
  expect(judgeAddress("../c", false, base).url?.href).toBe("https://example.com/c");
  expect(judgeAddress("//127.0.0.1/c", false, base).refused).toMatch(/127\.0\.0\.1/);
  expect(judgeAddress("//localhost", false, base).refused).toMatch(/localhost/);
});

describe("allowPrivate", () => {
  test("true opens private places but not metadata", () => {
    for (const url of ["http://127.0.0.1/", "http://[::1]/", "http://10.0.0.1/", "http://redis:6379/", "http://printer.local/"])
      expect(judgeAddress(url, true).refused).toBeUndefined();
    for (const url of ["http://169.254.169.254/", "http://[::ffff:a9fe:a9fe]/", "http://metadata.google.internal./"])
      expect(judgeAddress(url, true).refused).toMatch(/metadata/);
    expect(judgeAddress("http://169.254.169.254/", ["169.254.0.0/16"]).refused).toMatch(/metadata/);
    expect(judgeAddress("http://169.254.169.254/", ["169.254.169.254"]).refused).toBeUndefined();
  });

  test("true still refuses other schemes and credentials", () => {
    expect(judgeAddress("ftp://127.0.0.1/", true).refused).toMatch(/scheme/);
    expect(judgeAddress("http://a:b@127.0.0.1/", true).refused).toMatch(/user name/);
  });

  test.each([
    [["127.0.0.1"], "http://127.0.0.1:9/", true],
    [["127.0.0.1"], "http://0x7f.1/", true],
    [["127.0.0.1"], "http://[::ffff:127.0.0.1]/", true],
    [["127.0.0.1"], "http://127.0.0.2/", false],
    [["127.0.0.1"], "http://localhost/", false],
    [["[::1]"], "http://[::1]/", true],
    [["::1"], "http://[0:0::1]/", true],
    [["10.0.0.0/8"], "http://10.9.8.7/", true],
    [["10.0.0.0/8"], "http://11.9.8.7/", true],
    [["10.0.0.0/8"], "http://192.168.0.1/", false],
    [["fd00::/8"], "http://[fd12::1]/", true],
    [["fd00::/8"], "http://[fe80::1]/", false],
    [["fd00::/8"], "http://10.0.0.1/", false],
    [["printer.local"], "http://Printer.Local./", true],
    [["printer.local"], "http://x.printer.local/", false],
    [[".svc.internal"], "http://a.svc.internal/", true],
    [[".svc.internal"], "http://svc.internal/", true],
    [[".svc.internal"], "http://evilsvc.internal/", false],
    [[], "http://127.0.0.1/", false],
    [["nonsense/99", ""], "http://127.0.0.1/", false],
  ] as const)("%j and %s: %s", (allow, url, allowed) => {
    expect(judgeAddress(url, allow).refused === undefined).toBe(allowed);
  });
});

test("property: every IPv4 address is judged the same in every spelling", () => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffffffff }), (number) => {
      const octets = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255);
      const spellings = [
        octets.join("."),
        String(number >>> 0),
        `0x${(number >>> 0).toString(16)}`,
        octets.map((octet) => `0${octet.toString(8)}`).join("."),
        `[::ffff:${octets.join(".")}]`,
        `[::ffff:${((octets[0]! << 8) | octets[1]!).toString(16)}:${((octets[2]! << 8) | octets[3]!).toString(16)}]`,
      ];
      const verdicts = new Set(spellings.map((host) => refused(`http://${host}/`)));
      expect(verdicts.size).toBe(1);
    }),
  );
});

test("#58 property: nothing in a private range gets through, whatever path, port or case surrounds it", () => {
  const privateAddress = fc.oneof(
    fc.tuple(fc.constantFrom("10", "127"), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join(".")),
    fc.tuple(fc.constant("192.168"), fc.nat(255), fc.nat(255)).map((parts) => parts.join(".")),
    fc.tuple(fc.constant("172"), fc.integer({ min: 16, max: 31 }), fc.nat(255), fc.nat(255)).map((parts) => parts.join(".")),
    fc.tuple(fc.constantFrom("fc", "fd"), fc.nat(255)).map(([head, byte]) => `[${head}${byte.toString(16).padStart(2, "0")}::1]`),
  );
  fc.assert(
    fc.property(privateAddress, fc.integer({ min: 1, max: 65_535 }), fc.webPath(), (host, port, path) => {
      expect(refused(`http://${host}:${port}${path}`)).toMatch(/not a public address/);
    }),
  );
});

test("property: any text gets a verdict, never an exception", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((text) => `http://${text}`),
      ),
      (text) => {
        const verdict = judgeAddress(text);
        expect(verdict.url === undefined).toBe(typeof verdict.refused === "string");
      },
    ),
  );
});
