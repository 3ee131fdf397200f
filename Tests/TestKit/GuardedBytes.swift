import Foundation

/// Bytes whose last one is the last readable one of its memory page, with a forbidden page behind: reading or writing one byte
/// too far ends the test run by a signal, which no test can overlook.
public final class GuardedBytes {
    /// How many bytes there are, at least 0.
    public let count: Int
    /// The first byte.
    public let start: UnsafeMutableRawPointer
    private let mapping: UnsafeMutableRawPointer
    private let mappingSize: Int

    /// Maps memory that ends with `content`.
    public init(_ content: some Collection<UInt8>) {
        let page = sysconf(Int32(_SC_PAGESIZE))
        let readable = (content.count + page - 1) / page * page
        let size = readable + page
        guard let mapping = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            mapping != MAP_FAILED, mprotect(mapping + readable, page, PROT_NONE) == 0
        else { preconditionFailure("no memory for \(size) guarded bytes: errno \(errno)") }
        self.mapping = mapping
        self.mappingSize = size
        self.count = content.count
        self.start = mapping + (readable - content.count)
        UnsafeMutableRawBufferPointer(start: self.start, count: self.count).copyBytes(from: content)
    }

    /// Maps memory that ends with `count` zero bytes.
    public convenience init(count: Int) {
        self.init([UInt8](repeating: 0, count: count))
    }

    deinit {
        munmap(self.mapping, self.mappingSize)
    }

    /// A copy of what is there now.
    public var array: [UInt8] {
        Array(UnsafeRawBufferPointer(start: self.start, count: self.count))
    }
}
