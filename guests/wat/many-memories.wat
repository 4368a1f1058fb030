;; Has eight memories and grows each until that is refused, touching every page, then answers with the pages of all of
;; them: what counts is their sum.
(module
;;; include parts/http.wat

  (memory $m0 (export "memory") 1)
  (memory $m1 0)
  (memory $m2 0)
  (memory $m3 0)
  (memory $m4 0)
  (memory $m5 0)
  (memory $m6 0)
  (memory $m7 0)

  ;; Each round grows every memory by a mebibyte, one after the other, and ends the bomb when none could be grown.
  (func $grow-all (result i32)
    (local $grown i32)
    (local.set $grown (call $touch0 (memory.grow $m0 (i32.const 16))))
    (local.set $grown (i32.or (local.get $grown) (call $touch1 (memory.grow $m1 (i32.const 16)))))
    (local.set $grown (i32.or (local.get $grown) (call $touch2 (memory.grow $m2 (i32.const 16)))))
    (local.set $grown (i32.or (local.get $grown) (call $touch3 (memory.grow $m3 (i32.const 16)))))
    (local.set $grown (i32.or (local.get $grown) (call $touch4 (memory.grow $m4 (i32.const 16)))))
    (local.set $grown (i32.or (local.get $grown) (call $touch5 (memory.grow $m5 (i32.const 16)))))
    (local.set $grown (i32.or (local.get $grown) (call $touch6 (memory.grow $m6 (i32.const 16)))))
    (i32.or (local.get $grown) (call $touch7 (memory.grow $m7 (i32.const 16)))))

  ;; Fills the sixteen pages that were granted from `$first` on; gives 0 when they were refused.
  (func $touch0 (param $first i32) (result i32)
    (if (i32.eq (local.get $first) (i32.const -1)) (then (return (i32.const 0))))
    (memory.fill $m0 (i32.shl (local.get $first) (i32.const 16)) (i32.const 1) (i32.const 1048576))
    (i32.const 1))
  (func $touch1 (param $first i32) (result i32)
    (if (i32.eq (local.get $first) (i32.const -1)) (then (return (i32.const 0))))
    (memory.fill $m1 (i32.shl (local.get $first) (i32.const 16)) (i32.const 1) (i32.const 1048576))
    (i32.const 1))
  (func $touch2 (param $first i32) (result i32)
    (if (i32.eq (local.get $first) (i32.const -1)) (then (return (i32.const 0))))
    (memory.fill $m2 (i32.shl (local.get $first) (i32.const 16)) (i32.const 1) (i32.const 1048576))
    (i32.const 1))
  (func $touch3 (param $first i32) (result i32)
    (if (i32.eq (local.get $first) (i32.const -1)) (then (return (i32.const 0))))
    (memory.fill $m3 (i32.shl (local.get $first) (i32.const 16)) (i32.const 1) (i32.const 1048576))
    (i32.const 1))
  (func $touch4 (param $first i32) (result i32)
    (if (i32.eq (local.get $first) (i32.const -1)) (then (return (i32.const 0))))
    (memory.fill $m4 (i32.shl (local.get $first) (i32.const 16)) (i32.const 1) (i32.const 1048576))
    (i32.const 1))
  (func $touch5 (param $first i32) (result i32)
    (if (i32.eq (local.get $first) (i32.const -1)) (then (return (i32.const 0))))
    (memory.fill $m5 (i32.shl (local.get $first) (i32.const 16)) (i32.const 1) (i32.const 1048576))
    (i32.const 1))
  (func $touch6 (param $first i32) (result i32)
    (if (i32.eq (local.get $first) (i32.const -1)) (then (return (i32.const 0))))
    (memory.fill $m6 (i32.shl (local.get $first) (i32.const 16)) (i32.const 1) (i32.const 1048576))
    (i32.const 1))
  (func $touch7 (param $first i32) (result i32)
    (if (i32.eq (local.get $first) (i32.const -1)) (then (return (i32.const 0))))
    (memory.fill $m7 (i32.shl (local.get $first) (i32.const 16)) (i32.const 1) (i32.const 1048576))
    (i32.const 1))

  (func $pages (result i32)
    (i32.add
      (i32.add
        (i32.add (memory.size $m0) (memory.size $m1))
        (i32.add (memory.size $m2) (memory.size $m3)))
      (i32.add
        (i32.add (memory.size $m4) (memory.size $m5))
        (i32.add (memory.size $m6) (memory.size $m7)))))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (call $drop-request (local.get $request))
    (loop $round (br_if $round (call $grow-all)))
    (call $answer-number (local.get $outparam) (call $pages))))
