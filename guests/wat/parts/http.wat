  ;; The HTTP face of these guests: `$answer` sends a response with a body from memory. It keeps results of the host in
  ;; the first 128 bytes of memory 0.
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response-body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body-write (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $body-finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $outparam-set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-request" (func $drop-request (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
    (func $stream-write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop-stream (param i32)))

  (func $answer (param $outparam i32) (param $text i32) (param $length i32)
    (local $response i32) (local $body i32) (local $stream i32)
    (local.set $response (call $response (call $fields)))
    ;; result<own<outgoing-body>>: the case at 0, the handle at 4.
    (call $response-body (local.get $response) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (local.set $body (i32.load (i32.const 4)))
    (call $outparam-set (local.get $outparam) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    ;; result<own<output-stream>>, as above.
    (call $body-write (local.get $body) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (local.set $stream (i32.load (i32.const 4)))
    (call $stream-write (local.get $stream) (local.get $text) (local.get $length) (i32.const 8))
    (call $drop-stream (local.get $stream))
    (call $body-finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 32)))

  ;; Writes a number in decimal so that it ends before `$end`, and returns where it begins.
  (func $decimal (param $number i32) (param $end i32) (result i32)
    (loop $digit
      (local.set $end (i32.sub (local.get $end) (i32.const 1)))
      (i32.store8 (local.get $end)
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (local.get $end))

  ;; Answers with a number.
  (func $answer-number (param $outparam i32) (param $number i32)
    (local $begin i32)
    (local.set $begin (call $decimal (local.get $number) (i32.const 96)))
    (call $answer (local.get $outparam) (local.get $begin) (i32.sub (i32.const 96) (local.get $begin))))

  ;; What the host hands over as a text, and what an adapter of preview 1 needs: each gets pages of its own, since there
  ;; are few.
  (func (export "cabi_realloc") (param $old i32) (param $old-length i32) (param $align i32) (param $length i32) (result i32)
    (local $new i32)
    (local.set $new
      (memory.grow (i32.shr_u (i32.add (local.get $length) (i32.const 65535)) (i32.const 16))))
    (if (i32.eq (local.get $new) (i32.const -1)) (then unreachable))
    (local.set $new (i32.shl (local.get $new) (i32.const 16)))
    (memory.copy (local.get $new) (local.get $old) (local.get $old-length))
    (local.get $new))
