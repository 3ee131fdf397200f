import NIOCore

extension ByteBuffer {
    /// Appends a whole frame in the dialect `total`: header, length, address, command, content and checksum.
    ///
    /// - Parameters:
    ///   - header: ``Frame/terminalHeader`` or ``Frame/forwardHeader``.
    ///   - content: a time, or a payload; at most 65,522 bytes.
    /// - Returns: `false`, with nothing written, when the content is too long.
    @discardableResult
    public mutating func writeFrame(
        header: StaticString = Frame.terminalHeader,
        address: CCID,
        command: Command,
        content: some Collection<UInt8>
    ) -> Bool {
        let size = Frame.minimumSize + content.count
        guard let length = LengthDialect.total.lengthField(frameSize: size) else { return false }
        self.reserveCapacity(minimumWritableBytes: size)
        self.writeStaticString(header)
        self.writeInteger(length)
        self.writeInteger(address.rawValue)
        self.writeInteger(command.rawValue)
        self.writeBytes(content)
        let checksum = self.withUnsafeReadableBytes { bytes in
            let frame = bytes.suffix(size - 1)
            return frame.reduce(0, ^)
        }
        self.writeInteger(checksum)
        return true
    }
}
