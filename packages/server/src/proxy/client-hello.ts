// The name in the first message of a TLS client, for tunnels that nobody looks into (V95): it must be the one that was asked for. Reads only as far as that.

/** `more`: not whole yet. `none`: TLS without a name. `invalid`: no TLS. */
export function serverNameOf(bytes: Buffer): { name: string } | 'none' | 'more' | 'invalid' {
  if (bytes.length > 0 && bytes[0] !== 22) return 'invalid'
  if (bytes.length < 5) return 'more'
  const record = bytes.readUInt16BE(3)
  // A hello that is cut over several records is no habit of any client, and a way to hide.
  if (record > 16_384 + 256 || record < 42) return 'invalid'
  if (bytes.length < 5 + record) return 'more'
  const hello = bytes.subarray(5, 5 + record)
  if (hello[0] !== 1 || hello.readUIntBE(1, 3) + 4 > hello.length) return 'invalid'
  try {
    let at = 4 + 2 + 32
    at += 1 + hello.readUInt8(at)
    at += 2 + hello.readUInt16BE(at)
    at += 1 + hello.readUInt8(at)
    if (at >= hello.length) return 'none'
    const end = at + 2 + hello.readUInt16BE(at)
    for (at += 2; at + 4 <= end; ) {
      const type = hello.readUInt16BE(at)
      const size = hello.readUInt16BE(at + 2)
      if (type === 0) return { name: hello.toString('latin1', at + 9, at + 9 + hello.readUInt16BE(at + 7)) }
      at += 4 + size
    }
    return 'none'
  } catch (error) {
    if (error instanceof RangeError) return 'invalid'
    throw error
  }
}
