/// XOR over bytes: a frame's checksum is the XOR of every byte before it, so the XOR of a whole sound frame is zero.
public enum Checksum {
    /// The XOR of all `count` bytes at `bytes`, computed four words at a time.
    ///
    /// Four independent accumulators let the loads overlap; the compiler turns them into vector registers.
    @inlinable
    @inline(__always)
    public static func xor(_ bytes: UnsafeRawPointer, count: Int) -> UInt8 {
        var offset = 0
        var word: UInt64 = 0
        if count >= 32 {
            var (a, b, c, d): (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
            while offset &+ 32 <= count {
                a ^= bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                b ^= bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
                c ^= bytes.loadUnaligned(fromByteOffset: offset &+ 16, as: UInt64.self)
                d ^= bytes.loadUnaligned(fromByteOffset: offset &+ 24, as: UInt64.self)
                offset &+= 32
            }
            word = a ^ b ^ c ^ d
        }
        while offset &+ 8 <= count {
            word ^= bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        var result = Self.fold(word)
        while offset < count {
            result ^= bytes.load(fromByteOffset: offset, as: UInt8.self)
            offset &+= 1
        }
        return result
    }

    /// The XOR of the eight bytes of `word`.
    @inlinable
    @inline(__always)
    public static func fold(_ word: UInt64) -> UInt8 {
        var folded = word
        folded ^= folded &>> 32
        folded ^= folded &>> 16
        folded ^= folded &>> 8
        return UInt8(truncatingIfNeeded: folded)
    }

    /// The XOR of the four bytes of `word`.
    @inlinable
    @inline(__always)
    public static func fold(_ word: UInt32) -> UInt8 {
        Self.fold(UInt64(word))
    }
}
