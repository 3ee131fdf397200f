import Glibc

/// The command line in the bytes that the program was started with.
///
/// Swift replaces bytes that are not UTF-8 in its copy, so a text with such bytes would be sent damaged.
enum RawArguments {
    /// Refuses arguments that are not UTF-8.
    ///
    /// - Throws: a ``Failure`` that names the first of them.
    static func requireUTF8() throws(Failure) {
        let arguments = (1..<max(1, Int(CommandLine.argc))).compactMap { CommandLine.unsafeArgv[$0] }
        try self.requireUTF8(
            arguments.map { Array(UnsafeBufferPointer(start: $0, count: strlen($0)).map(UInt8.init(bitPattern:))) }
        )
    }

    /// Refuses arguments that are not UTF-8.
    ///
    /// - Parameter arguments: the arguments, without the program's name.
    static func requireUTF8(_ arguments: [[UInt8]]) throws(Failure) {
        for (index, argument) in arguments.enumerated() where String(validating: argument, as: UTF8.self) == nil {
            throw Failure(
                .usage,
                """
                Argument \(index + 1) ("\(self.excerpt(argument))") is not UTF-8, and nothing was done: its bytes would be changed. \
                Give a payload of other bytes by --hex, --base64 or --file.
                """
            )
        }
    }

    /// The beginning of `argument`, with the bytes that are not ASCII in hex.
    private static func excerpt(_ argument: [UInt8]) -> String {
        let width = 40
        let text = argument.prefix(width).reduce(into: "") { text, byte in
            let hex = String(byte, radix: 16)
            text += (0x20..<0x7f).contains(byte) ? String(Unicode.Scalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + hex
        }
        return argument.count > width ? text + "..." : text
    }
}
