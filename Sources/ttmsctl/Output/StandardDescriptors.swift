import Glibc

/// Standard input, output and error.
enum StandardDescriptors {
    /// Opens those that are closed, so that no socket and no file of the store gets their numbers and then the output. Each is
    /// opened in the opposite direction, so that its use fails as with a closed descriptor.
    static func reserve() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) == -1 {
            // `open` returns the lowest free number, which is this one: all lower ones are open.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
