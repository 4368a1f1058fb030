;; Grows a table until that is refused, then answers with how many elements it has.
(module
;;; include parts/http.wat

  (memory (export "memory") 1)
  (table $table 1 funcref)

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (call $drop-request (local.get $request))
    (loop $grow
      (br_if $grow
        (i32.ne (table.grow $table (ref.null func) (i32.const 4096)) (i32.const -1))))
    (call $answer-number (local.get $outparam) (table.size $table))))
