//! What a well-behaved session looks like to the client.

use super::*;
use ibapi::market_data::historical::BarTimestamp;
use nightdesk::market::Timeframe;

#[tokio::test]
async fn connects_with_accounts_notices_and_time() {
    let gateway = gateway().await;
    let builder = Client::builder().address(gateway.addr().to_string()).client_id(100).max_reconnect_attempts(0);
    let (client, mut notices) = within(builder.connect_with_notice_stream()).await.unwrap();
    assert_eq!(client.server_version(), 226);
    assert_eq!(client.handshake_managed_accounts(), ["DU1234567"]);
    assert_eq!(client.next_order_id(), 1);
    for code in [2104, 2106, 2158] {
        assert_eq!(within(notices.next()).await.unwrap().code, code);
    }
    assert_eq!(within(client.server_time()).await.unwrap().unix_timestamp(), at(NOW));
    assert_eq!(within(client.server_time_millis()).await.unwrap().unix_timestamp(), at(NOW));
    client.disconnect().await;
    gateway.journal().wait(|c| c.open_connections == 0).await;
    gateway.shutdown().await;
}

#[tokio::test]
async fn contracts_resolve_and_answer_by_their_id() {
    let gateway = gateway().await;
    let client = connect(&gateway, 1).await.unwrap();
    let details = within(client.contract_details(&aapl())).await.unwrap();
    assert_eq!(details.len(), 1);
    let id = details[0].contract.contract_id;
    assert!(id > 0);
    assert!(["NASDAQ", "NYSE"].contains(&details[0].contract.primary_exchange.as_str()));
    assert_eq!(details[0].time_zone_id, "US/Eastern");
    let by_id = Contract { contract_id: id, exchange: "SMART".into(), ..Contract::default() };
    let direct = five_minutes(&client, &aapl()).await.unwrap();
    assert_eq!(five_minutes(&client, &by_id).await.unwrap().bars, direct.bars);
    let coin = within(client.contract_details(&btc())).await.unwrap();
    assert_eq!(coin[0].contract.exchange.as_str(), "PAXOS");
    // IB writes a share class with a space.
    assert_eq!(within(client.contract_details(&Contract::stock("BRK B").build())).await.unwrap().len(), 1);
    let unknown = within(client.contract_details(&Contract::stock("NOPE").build())).await.unwrap_err();
    assert!(matches!(&unknown, Error::Notice(n) if n.code == 200), "{unknown:?}");
    let unknown = five_minutes(&client, &Contract::stock("NOPE").build()).await.unwrap_err();
    assert!(matches!(&unknown, Error::Notice(n) if n.code == 200), "{unknown:?}");
    client.disconnect().await;
}

#[tokio::test]
async fn bars_arrive_as_the_market_made_them() {
    let gateway = gateway().await;
    let client = connect(&gateway, 1).await.unwrap();
    let feed = feed();
    let instrument = feed.instrument(symbol("AAPL")).unwrap();
    let now = at(NOW);
    let served = five_minutes(&client, &aapl()).await.unwrap();
    let made = feed.bars(instrument, Timeframe::M5, at("2026-11-20T14:30:00Z"), now, now);
    assert_eq!((served.bars.len(), made.len()), (78, 78));
    for (s, m) in served.bars.iter().zip(&made) {
        let BarTimestamp::DateTime(t) = s.date else { panic!("a date on an intraday bar") };
        assert_eq!(t.unix_timestamp(), m.ts);
        assert_eq!([s.open, s.high, s.low, s.close, s.volume], [m.open, m.high, m.low, m.close, m.volume]);
    }
    let daily = within(client.historical_data(&aapl(), HistoricalBarSize::Day).duration(10.years()).fetch()).await.unwrap();
    assert!(daily.bars.len() > 2_500);
    assert!(daily.bars.iter().all(|b| matches!(b.date, BarTimestamp::Date(_))));
    let hours = within(client.historical_data(&aapl(), HistoricalBarSize::Hour).duration(1.days()).fetch()).await.unwrap();
    assert_eq!(hours.bars.len(), 7);
    client.disconnect().await;
}

#[tokio::test]
async fn crypto_wants_aggregated_trades() {
    let gateway = gateway().await;
    let client = connect(&gateway, 1).await.unwrap();
    let contract = btc();
    let ask = |show| {
        let request = client.historical_data(&contract, HistoricalBarSize::Min5).what_to_show(show);
        within(request.trading_hours(TradingHours::Extended).duration(1.days()).fetch())
    };
    let refused = ask(HistoricalWhatToShow::Trades).await.unwrap_err();
    assert!(matches!(&refused, Error::Notice(n) if n.code == 10299), "{refused:?}");
    let day = ask(HistoricalWhatToShow::AggTrades).await.unwrap();
    assert_eq!(day.bars.len(), 288);
    assert!(day.bars.iter().any(|b| b.volume.fract() != 0.0));
    client.disconnect().await;
}

#[tokio::test]
async fn head_and_schedule_tell_how_far_back_and_when() {
    let gateway = gateway().await;
    let client = connect(&gateway, 1).await.unwrap();
    let head = within(client.head_timestamp(&aapl(), HistoricalWhatToShow::Trades, TradingHours::Regular)).await.unwrap();
    let feed = feed();
    let listed = feed.first_trade_date(feed.instrument(symbol("AAPL")).unwrap());
    assert_eq!(head.date().to_string(), listed.to_string());
    let schedule = within(client.historical_schedules(&aapl(), 5.days()).fetch()).await.unwrap();
    assert_eq!(schedule.sessions.len(), 5);
    assert_eq!(schedule.sessions[4].reference.to_string(), "2026-11-20");
    client.disconnect().await;
}

#[tokio::test]
async fn a_withdrawn_request_is_cancelled_at_the_gateway() {
    let gateway = Gateway::start(GatewayOptions { latency: Duration::from_hours(1), ..options() }).await.unwrap();
    let client = connect(&gateway, 1).await.unwrap();
    let journal = gateway.journal();
    let contract = aapl();
    {
        let request = client.historical_data(&contract, HistoricalBarSize::Min5).duration(1.days()).fetch();
        tokio::select! {
            answer = request => panic!("answered before its latency: {answer:?}"),
            _ = within(journal.wait(|c| c.open_history == 1)) => {}
        }
    }
    within(journal.wait(|c| c.cancelled == 1 && c.open_history == 0)).await;
    client.disconnect().await;
}

#[tokio::test]
async fn latency_does_not_hold_other_requests_up() {
    let gateway = Gateway::start(GatewayOptions { latency: Duration::from_millis(100), ..options() }).await.unwrap();
    let client = connect(&gateway, 1).await.unwrap();
    let contract = aapl();
    let requests = (0..20).map(|_| five_minutes(&client, &contract));
    let answers = within(futures_util::future::join_all(requests)).await;
    assert!(answers.iter().all(Result::is_ok));
    let counters = gateway.journal().counters();
    assert_eq!((counters.max_open_history, counters.violations()), (20, 0));
    client.disconnect().await;
}

#[tokio::test]
async fn small_bars_are_paced_and_bad_requests_refused() {
    let gateway = gateway().await;
    let client = connect(&gateway, 1).await.unwrap();
    let contract = aapl();
    let seconds = || within(client.historical_data(&contract, HistoricalBarSize::Sec30).duration(3600.seconds()).fetch());
    let first = seconds().await.unwrap_err();
    assert!(matches!(&first, Error::Notice(n) if n.code == 162 && n.message.contains("returned no data")), "{first:?}");
    let second = seconds().await.unwrap_err();
    assert!(matches!(&second, Error::Notice(n) if n.code == 162 && n.message.contains("pacing violation")), "{second:?}");
    assert_eq!(gateway.journal().counters().small_bar_violations, 1);
    let four = within(client.historical_data(&contract, HistoricalBarSize::Min4).duration(1.days()).fetch()).await.unwrap_err();
    assert!(matches!(&four, Error::Notice(n) if n.code == 321 && n.message.contains("bar size")), "{four:?}");
    let long = within(client.historical_data(&contract, HistoricalBarSize::Min5).duration(400.days()).fetch()).await.unwrap_err();
    assert!(matches!(&long, Error::Notice(n) if n.code == 321 && n.message.contains("in years")), "{long:?}");
    client.disconnect().await;
}

#[tokio::test]
async fn a_restart_drops_everyone_and_then_serves_again() {
    let gateway = gateway().await;
    let client = connect(&gateway, 1).await.unwrap();
    let mut notices = client.notice_stream().unwrap();
    within(gateway.restart(Duration::from_millis(20))).await;
    until(&mut notices, 1300).await;
    let client = connect(&gateway, 1).await.unwrap();
    assert_eq!(five_minutes(&client, &aapl()).await.unwrap().bars.len(), 78);
    client.disconnect().await;
    gateway.shutdown().await;
}
