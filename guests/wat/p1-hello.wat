;; A core module that writes to stdout through preview 1 and answers HTTP as a component: hosts adapt it when they load it.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd-write (param i32 i32 i32 i32) (result i32)))
;;; include parts/http.wat

  (memory (export "memory") 1)
  (data (i32.const 128) "hello from preview 1\n")
  ;; One vector: where the text is and how long.
  (data (i32.const 192) "\80\00\00\00\15\00\00\00")

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (call $drop-request (local.get $request))
    (if (call $fd-write (i32.const 1) (i32.const 192) (i32.const 1) (i32.const 200)) (then unreachable))
    (call $answer (local.get $outparam) (i32.const 128) (i32.const 20))))
