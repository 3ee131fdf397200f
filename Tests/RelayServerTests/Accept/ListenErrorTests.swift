import Glibc
import NIOCore
import RelayCore
import Testing

@testable import RelayServer

@Suite struct ListenErrorTests {
    @Test func itIsInTheSystemsWords() {
        let address = ListenerOptions(host: "::1", port: 7222)
        let error = ListenError(address: address, cause: IOError(errnoCode: EADDRINUSE, reason: "bind"))
        #expect(error.description.hasPrefix("cannot listen for terminals on [::1]:7222: Address already in use. "))
    }
}
