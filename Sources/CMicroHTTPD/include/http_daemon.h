// What Swift sees of GNU libmicrohttpd: opaque handles, integers and pointers.
//
// The library's own types stay behind this header: its start and information calls are variadic, which Swift cannot call, and
// its enums are declared closed, so that a value added by a newer library would be undefined behaviour in Swift.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// A listening socket and the thread that serves it.
typedef struct ttms_http_daemon ttms_http_daemon;
/// A client's connection; valid from the request's `begin` to its `complete`.
typedef struct ttms_http_connection ttms_http_connection;
/// An answer that is being put together.
typedef struct ttms_http_response ttms_http_response;

/// What the daemon calls, always on its own thread. None of them may block.
typedef struct {
    /// Passed to `begin`, `opened`, `closed` and `log`.
    void *context;
    /// The head of a request is there. What it returns names the request from now on. It may answer at once, which closes the
    /// connection behind the answer and leaves the body unread.
    void *_Nonnull (*_Nonnull begin)(
        void *context, ttms_http_connection *connection, const char *method, const char *path, const char *version
    );
    /// A piece of the body. `false` closes the connection.
    bool (*_Nonnull receive)(void *request, const uint8_t *bytes, size_t count);
    /// The request is there as a whole, or has been resumed: answer it, or suspend it. `false` closes the connection.
    bool (*_Nonnull respond)(void *request);
    /// The request is over, answered or not. It is the last call for it.
    void (*_Nonnull complete)(void *request);
    /// A client has connected.
    void (*_Nonnull opened)(void *context, ttms_http_connection *connection, int descriptor);
    /// The descriptor is about to be closed.
    void (*_Nonnull closed)(void *context, int descriptor);
    /// The library has something to say; messages of one kind have the same format. May be called by any thread that calls into this
    /// file, too.
    void (*_Nonnull log)(void *context, const char *format, const char *message);
} ttms_http_callbacks;

/// How a daemon listens.
typedef struct {
    /// A numeric IPv4 or IPv6 address; an IPv6 socket takes IPv6 only.
    const char *host;
    /// 0 picks a free one.
    uint16_t port;
    /// Connections beyond this number wait in the listening socket's backlog.
    uint32_t connection_limit;
    /// Bytes per connection; half of it bounds the head of a request.
    size_t connection_memory;
} ttms_http_options;

/// Starts a daemon.
///
/// @param error receives an `errno` when NULL is returned, 0 when there is none.
ttms_http_daemon *_Nullable ttms_http_start(
    const ttms_http_options *options, const ttms_http_callbacks *callbacks, int *error
);
/// The port that the daemon listens on.
uint16_t ttms_http_port(ttms_http_daemon *daemon);
/// Stops listening: further clients are refused, and connections live on.
void ttms_http_quiesce(ttms_http_daemon *daemon);
/// Closes all connections, joins the thread and frees the daemon. The process dies if a request is suspended.
void ttms_http_stop(ttms_http_daemon *daemon);

/// Calls `visit` with each header as it came, in order.
void ttms_http_headers(
    ttms_http_connection *connection,
    void *context,
    void (*visit)(void *context, const uint8_t *name, size_t name_size, const uint8_t *_Nullable value, size_t value_size)
);
/// Whether a header went on over several lines (obs-fold), and the library has glued the rest of its value to its name: before
/// release 0.9.77, `Transfer-Encoding:` with ` chunked` below it is a header called `Transfer-Encodingchunked`.
bool ttms_http_has_folded_header(ttms_http_connection *connection);
/// Whether the head has bytes that none of its strings shows: a zero, behind which the library sees nothing and another parser does; a
/// line that ends otherwise than with CRLF; a folded header. Before release 0.9.77; later ones refuse such heads themselves. From
/// `begin` only, with what that got.
///
/// The library puts zeros where a head is cut, so one zero cannot be told from them: before a LF or CR that stands alone.
bool ttms_http_has_hidden_bytes(ttms_http_connection *connection, const char *method, const char *version);
/// The target of the latest request as it came, up to its first zero; NULL when memory is short. Valid until the next request.
const char *_Nullable ttms_http_target(ttms_http_connection *connection);
/// Bytes that the longest address takes, its terminating zero included.
enum { TTMS_HTTP_ADDRESS_SIZE = 64 };
/// Writes the client's address without its port to `text`; `false` when it has none.
bool ttms_http_remote_address(ttms_http_connection *connection, char *text);
/// The connection's socket, -1 if there is none.
int ttms_http_descriptor(ttms_http_connection *connection);
/// Takes the connection out of the daemon's hands until it is resumed. On the daemon's thread only, from `respond`.
///
/// From its second call for a request only: when `respond` returns without an answer, the library calls it again at once, and no
/// longer reads in between. Suspended in the first call, the library reads on before it asks for the answer, and a FIN that it finds
/// there closes the connection.
void ttms_http_suspend(ttms_http_connection *connection);
/// Gives a suspended connection back; `respond` follows. Exactly once per suspension, from any thread.
void ttms_http_resume(ttms_http_connection *connection);

/// Starts an answer with a copy of the body; NULL when memory is short.
ttms_http_response *_Nullable ttms_http_response_create(const void *_Nullable body, size_t size);
/// Starts an answer whose body comes piece by piece; NULL when memory is short.
///
/// @param read puts up to `size` bytes into `buffer`, on the daemon's thread, and returns how many; -1 at the end of the body. Before
///     it returns 0 it has to suspend the connection; once that is resumed, it is called again.
/// @param release is called once with `context`, when no more is read, and also when NULL is returned.
ttms_http_response *_Nullable ttms_http_response_create_stream(
    void *context,
    ptrdiff_t (*_Nonnull read)(void *context, uint8_t *buffer, size_t size),
    void (*_Nonnull release)(void *context)
);
/// Has the library send `Connection: Keep-Alive` with the answer where the connection stays open.
bool ttms_http_response_announce_keep_alive(ttms_http_response *response);
/// Adds a header; `false` when the library refuses it: empty, or with a line break in it.
bool ttms_http_response_add(ttms_http_response *response, const char *name, const char *value);
/// Answers, and frees the answer, also when it returns `false`: the connection has to be closed then. From `begin` or
/// `respond` only.
bool ttms_http_reply(ttms_http_connection *connection, ttms_http_response *response, uint32_t status);

#pragma clang assume_nonnull end
