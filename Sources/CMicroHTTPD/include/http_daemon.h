// Interface of GNU libmicrohttpd for Swift: opaque handles, integers and pointers.
//
// The library's own types are not visible here. Its start and information calls are variadic, which Swift cannot call. Its enums
// are declared closed, so a value added by a newer library would be undefined behaviour in Swift.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Listening socket and the thread that serves it.
typedef struct ttms_http_daemon ttms_http_daemon;
/// Connection of a client; valid from the request's `begin` to its `complete`.
typedef struct ttms_http_connection ttms_http_connection;
/// Answer that is being composed.
typedef struct ttms_http_response ttms_http_response;

/// Callbacks of the daemon, always on its own thread. None of them may block.
typedef struct {
    /// Passed to `begin`, `opened`, `closed` and `log`.
    void *context;
    /// Called with the head of a request. Its result identifies the request from now on. It may answer at once, which closes the
    /// connection after the answer and leaves the body unread.
    void *_Nonnull (*_Nonnull begin)(
        void *context, ttms_http_connection *connection, const char *method, const char *path, const char *version
    );
    /// Called with a piece of the body. `false` closes the connection.
    bool (*_Nonnull receive)(void *request, const uint8_t *bytes, size_t count);
    /// Called when the request is complete or has been resumed: answer it, or suspend it. `false` closes the connection.
    bool (*_Nonnull respond)(void *request);
    /// Called at the end of the request, answered or not. It is the last call for it.
    void (*_Nonnull complete)(void *request);
    /// Called when a client has connected.
    void (*_Nonnull opened)(void *context, ttms_http_connection *connection, int descriptor);
    /// Called before the descriptor is closed.
    void (*_Nonnull closed)(void *context, int descriptor);
    /// Called with a message of the library; messages of one kind have the same format. Any thread that calls into this file may
    /// call it.
    void (*_Nonnull log)(void *context, const char *format, const char *message);
} ttms_http_callbacks;

/// Options of a daemon.
typedef struct {
    /// Numeric IPv4 or IPv6 address; an IPv6 socket accepts IPv6 only.
    const char *host;
    /// Port; 0 selects a free one.
    uint16_t port;
    /// Largest number of connections; further ones wait in the listening socket's backlog.
    uint32_t connection_limit;
    /// Memory per connection in bytes; half of it bounds the head of a request.
    size_t connection_memory;
} ttms_http_options;

/// Starts a daemon.
///
/// @param error receives an `errno` when NULL is returned, 0 when there is none.
ttms_http_daemon *_Nullable ttms_http_start(
    const ttms_http_options *options, const ttms_http_callbacks *callbacks, int *error
);
/// Returns the port that the daemon listens on.
uint16_t ttms_http_port(ttms_http_daemon *daemon);
/// Stops listening: further clients are refused, and connections stay open.
void ttms_http_quiesce(ttms_http_daemon *daemon);
/// Closes all connections, joins the thread and frees the daemon. The process dies if a request is suspended.
void ttms_http_stop(ttms_http_daemon *daemon);

/// Calls `visit` with each header as received, in order.
void ttms_http_headers(
    ttms_http_connection *connection,
    void *context,
    void (*visit)(void *context, const uint8_t *name, size_t name_size, const uint8_t *_Nullable value, size_t value_size)
);
/// Returns whether a header continued over several lines (obs-fold), and the library has joined the rest of its value to its name.
/// Before release 0.9.77, `Transfer-Encoding:` with ` chunked` below it becomes a header `Transfer-Encodingchunked`.
bool ttms_http_has_folded_header(ttms_http_connection *connection);
/// Returns whether the head has bytes that its strings do not show: a zero, a line without CRLF, or a folded header. Releases from
/// 0.9.77 on refuse such heads themselves. Call it from `begin` only, with its arguments.
///
/// The library writes zeros where it cuts a head. One zero cannot be distinguished from these: before a single LF or CR.
bool ttms_http_has_hidden_bytes(ttms_http_connection *connection, const char *method, const char *version);
/// Returns the target of the latest request as received, up to its first zero; NULL when memory is short. Valid until the next
/// request.
const char *_Nullable ttms_http_target(ttms_http_connection *connection);
/// Size of the longest address in bytes, with its terminating zero.
enum { TTMS_HTTP_ADDRESS_SIZE = 64 };
/// Writes the client's address without its port to `text`. Returns `false` when it has none.
bool ttms_http_remote_address(ttms_http_connection *connection, char *text);
/// Returns the connection's socket, -1 if there is none.
int ttms_http_descriptor(ttms_http_connection *connection);
/// Suspends the connection until it is resumed. On the daemon's thread only, from `respond`.
///
/// Only from the second call of `respond` for a request. When `respond` returns without an answer, the library calls it again at
/// once, and does not read in between. After a suspension in the first call, the library reads before it requests the answer, and a
/// FIN found there closes the connection.
void ttms_http_suspend(ttms_http_connection *connection);
/// Resumes a suspended connection; `respond` follows. Exactly once per suspension, from any thread.
void ttms_http_resume(ttms_http_connection *connection);

/// Starts an answer with a copy of the body; NULL when memory is short.
ttms_http_response *_Nullable ttms_http_response_create(const void *_Nullable body, size_t size);
/// Starts an answer whose body is read piece by piece; NULL when memory is short.
///
/// @param read writes at most `size` bytes into `buffer`, on the daemon's thread, and returns their number; -1 at the end of the
///     body. Before it returns 0 it has to suspend the connection; after the resumption it is called again.
/// @param release is called once with `context`, after the last read, and also when NULL is returned.
ttms_http_response *_Nullable ttms_http_response_create_stream(
    void *context,
    ptrdiff_t (*_Nonnull read)(void *context, uint8_t *buffer, size_t size),
    void (*_Nonnull release)(void *context)
);
/// Makes the library send `Connection: Keep-Alive` with the answer if the connection stays open.
bool ttms_http_response_announce_keep_alive(ttms_http_response *response);
/// Adds a header. Returns `false` when the library refuses it, because it is empty or has a line break.
bool ttms_http_response_add(ttms_http_response *response, const char *name, const char *value);
/// Sends and frees the answer. When it returns `false`, the connection has to be closed. From `begin` or `respond` only.
bool ttms_http_reply(ttms_http_connection *connection, ttms_http_response *response, uint32_t status);

#pragma clang assume_nonnull end
