//! What callers rely on: the same bits for the same seed, weights that come back as they went, answers that are
//! probabilities, errors in words.

use std::sync::Arc;

use super::*;

/// The bits of all weights.
fn bits(model: &dyn BaseModel) -> Vec<u32> {
    model.weights().iter().flat_map(|t| t.values.iter().map(|v| v.to_bits())).collect()
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn the_same_seed_gives_the_same_bits_alone_beside_another_and_on_more_threads() {
    let train = toy(300, 1);
    let fitted = |name, threads| in_pool(threads, || bits(Order::of(2).fit(name, &train, None).unwrap().0.as_ref()));
    for name in ModelName::ALL {
        let alone = fitted(name, 1);
        let (two, (beside, other)) = (
            fitted(name, 2),
            std::thread::scope(|scope| {
                let (a, b) = (scope.spawn(|| fitted(name, 1)), scope.spawn(|| fitted(ModelName::Mlp, 1)));
                (a.join().unwrap(), b.join().unwrap())
            }),
        );
        assert_eq!(alone, two, "{name} on two threads");
        assert_eq!(alone, beside, "{name} beside another fit");
        assert_eq!(other, fitted(ModelName::Mlp, 1), "mlp beside {name}");
        let mut order = Order::of(2);
        order.seed += 1;
        assert_ne!(alone, bits(order.fit(name, &train, None).unwrap().0.as_ref()), "{name} with another seed");
    }
}

/// Products large enough to be cut up over threads: a real layer of 1,024 rows.
#[test]
fn threads_do_not_change_the_bits_of_large_products() {
    let (rows, shape) = (1024, Shape { width: 179, channels: 0 });
    let mut draw = Stream::new(&[4]);
    let table: Vec<f32> = (0..rows * shape.width).map(|_| draw.bell() as f32).collect();
    let class = table.chunks_exact(shape.width).map(|row| class_of(row[3])).collect();
    let train =
        Examples { inputs: Inputs { width: shape.width, table: table.into(), ..Inputs::default() }, class, weight: vec![1.0; rows] };
    let mut sizes = sizes();
    sizes.mlp = MlpSize { hidden: vec![256, 128] };
    sizes.tabm = TabMSize { members: 4, hidden: vec![64, 64] };
    let mut optimiser = optimiser();
    optimiser.batch_rows = 1024;
    let fitted = |name, threads| {
        in_pool(threads, || {
            let compute = Compute::processor(threads);
            let order = FitOrder {
                optimiser: &optimiser,
                max_epochs: 3,
                fixed_epochs: None,
                window_stride: 1,
                shift: [0.0; 3],
                seed: 8,
                compute: &compute,
                stop: &CancellationToken::new(),
                told: &|_| {},
            };
            bits(fit(name, &sizes, shape, &order, &train, None).unwrap().0.as_ref())
        })
    };
    for name in [ModelName::Mlp, ModelName::TabM] {
        assert_eq!(fitted(name, 1), fitted(name, 2), "{name}");
    }
}

#[test]
fn weights_come_back_as_they_went_and_answer_the_same() {
    let train = toy(300, 1);
    let compute = Compute::processor(1);
    for name in ModelName::ALL {
        let (model, report) = Order::of(2).fit(name, &train, None).unwrap();
        assert_eq!(model.name(), name);
        assert!(report.parameters > 0 && report.parameters <= bits(model.as_ref()).len());
        let again = load(name, &sizes(), SHAPE, model.weights().to_vec()).unwrap();
        let (before, after) = (model.predict(&train.inputs, &compute).unwrap(), again.predict(&train.inputs, &compute).unwrap());
        assert_eq!(before, after, "{name}");
        assert!(before.iter().all(|p| (p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && p.iter().all(|p| *p > 0.0)), "{name}");
        assert!(before.iter().any(|p| p != &before[0]), "{name} looks at its rows");
    }
}

#[test]
fn a_row_is_answered_alike_alone_and_among_others() {
    let train = toy(300, 1);
    let compute = Compute::processor(1);
    for name in ModelName::ALL {
        let (model, _) = Order::of(1).fit(name, &train, None).unwrap();
        let all = model.predict(&train.inputs, &compute).unwrap();
        let mut one = train.inputs.clone();
        one.table = one.table[7 * SHAPE.width..8 * SHAPE.width].to_vec().into();
        one.windows.last = vec![one.windows.last[7]];
        let alone = model.predict(&one, &compute).unwrap()[0];
        assert!(alone.iter().zip(&all[7]).all(|(a, b)| (a - b).abs() < 1e-5), "{name}: {alone:?} and {:?}", all[7]);
        one.table = Arc::default();
        one.windows.last.clear();
        assert!(model.predict(&one, &compute).unwrap().is_empty(), "{name} of no rows");
    }
}

#[test]
fn changed_weights_are_refused_in_words() {
    let train = toy(100, 1);
    for name in ModelName::ALL {
        let (model, _) = Order::of(1).fit(name, &train, None).unwrap();
        let changed = |change: &dyn Fn(&mut Vec<NamedTensor>)| {
            let mut weights = model.weights().to_vec();
            change(&mut weights);
            load(name, &sizes(), SHAPE, weights).map(|_| ()).unwrap_err()
        };
        assert!(matches!(changed(&|w| drop(w.pop())), LoadError::Count { .. }));
        assert!(matches!(changed(&|w| w[0].name.push('x')), LoadError::Name { .. }));
        assert!(matches!(changed(&|w| w[0].shape.reverse()), LoadError::Shape { .. }));
        assert!(matches!(changed(&|w| w[0].values.truncate(1)), LoadError::Shape { .. }));
        let error = changed(&|w| w[1].values[0] = f32::NAN);
        assert!(matches!(error, LoadError::NotFinite { at: 0, .. }) && error.to_string().contains(&name.to_string()), "{error}");
    }
}

#[test]
fn rows_that_no_model_can_see_are_refused_in_words() {
    let train = toy(100, 1);
    let compute = Compute::processor(1);
    for name in ModelName::ALL {
        let (model, _) = Order::of(1).fit(name, &train, None).unwrap();
        let refused = |change: &dyn Fn(&mut Inputs)| {
            let mut inputs = train.inputs.clone();
            change(&mut inputs);
            let error = model.predict(&inputs, &compute).unwrap_err();
            let mut examples = train.clone();
            examples.inputs = inputs;
            let in_fit = Order::of(1).fit(name, &examples, None).map(|_| ()).unwrap_err();
            match (error, in_fit) {
                (PredictError::Input { error, .. }, FitError::Input { error: same, .. }) => {
                    assert_eq!(error, same);
                    error
                }
                other => panic!("{other:?}"),
            }
        };
        let damage = |inputs: &mut Inputs, value: f32| {
            Arc::make_mut(&mut inputs.table)[3] = value;
            let mut series = inputs.windows.series.to_vec();
            series[3] = value;
            inputs.windows.series = series.into();
        };
        assert!(matches!(refused(&|i| damage(i, f32::NAN)), InputError::NotFinite { at: 3, .. }));
        assert!(matches!(refused(&|i| damage(i, f32::INFINITY)), InputError::NotFinite { at: 3, .. }));
        let other_width = |i: &mut Inputs| {
            i.width += 1;
            i.windows.channels += 1;
        };
        assert!(matches!(refused(&other_width), InputError::Width { .. }));
        if model.sees_windows() {
            assert!(matches!(refused(&|i| i.windows.last[2] = WINDOW - 2), InputError::Window { row: 2, .. }));
            assert!(matches!(refused(&|i| i.windows.last[2] = 1 << 20), InputError::Window { row: 2, .. }));
        } else {
            assert!(matches!(refused(&|i| Arc::make_mut(&mut i.table).truncate(599)), InputError::Ragged { .. }));
        }
    }
}
