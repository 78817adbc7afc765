//! A gateway between the client and the service that fails for a moment.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use secondme_avatar_emulator::service::{Author, Effect, Fault, FrameFields, InjectionPoint};
use secondme_avatar_protocol::{Config, Confirmation, Delivery, Outcome, Visitor};
use secondme_avatar_simulation::{ClientId, Settings, World};

fn bad_gateway(at: InjectionPoint) -> Fault {
    Fault::new(at, Effect::Status { status: 502, retry_after: None, body: None })
}

fn with_delivery(world: &mut World, delivery: Delivery) -> ClientId {
    let config = Config { delivery, ..Config::default() };
    let ada = world.client_with(config, Visitor::for_user("web", "ada").unwrap(), None);
    world.opened(ada);
    ada
}

fn add(world: &mut World, fault: Fault) {
    world.with_service(|service, _| service.add_fault(fault).unwrap());
}

/// How many messages of the visitor the service has.
fn taken(world: &mut World) -> usize {
    world.state().sessions[0].texts(Author::Visitor).len()
}

/// Each call is answered once with 502, and then properly.
fn each_call_once() -> Fault {
    bad_gateway(InjectionPoint::Call).first_try()
}

#[test]
fn a_gateway_that_fails_each_call_once_fails_no_question() {
    for fields in FrameFields::ALL {
        let mut world = World::new(Settings::default().frame_fields(*fields), 1);
        add(&mut world, each_call_once());
        let ada = world.client("ada");
        world.opened(ada);
        for number in 0..100 {
            let text = format!("question {number}");
            let ask = world.ask(ada, &text);
            assert_eq!(world.reply(ada, ask), format!("You said: {text}"), "{fields}");
        }
        assert_eq!((world.of(ada).replies().len(), taken(&mut world)), (100, 100), "{fields}");
    }
}

#[test]
fn a_message_that_the_service_does_not_have_goes_out_again_unless_the_caller_never_wants_that() {
    for fields in FrameFields::ALL {
        for delivery in [Delivery::Checked, Delivery::AtMostOnce, Delivery::AtLeastOnce] {
            let mut world = World::new(Settings::default().frame_fields(*fields), 1);
            let ada = with_delivery(&mut world, delivery);
            add(&mut world, bad_gateway(InjectionPoint::MessageSend));
            let send = world.send(ada, "Hello");
            let sent = world.answer(ada, send);
            let expected = usize::from(delivery != Delivery::AtMostOnce);
            assert_eq!(taken(&mut world), expected, "{fields} {delivery:?}");
            match delivery {
                Delivery::Checked | Delivery::AtLeastOnce => assert!(matches!(sent, Ok(Outcome::Sent(_)))),
                Delivery::AtMostOnce => assert!(!sent.unwrap_err().unsent().unwrap().certain),
            }
        }
    }
}

#[test]
fn a_message_that_the_service_has_is_found_though_no_frame_names_it() {
    for delivery in [Delivery::Checked, Delivery::AtMostOnce, Delivery::AtLeastOnce] {
        // Short pages: what was said since has to be leafed through.
        let settings = Settings::default().frame_fields(FrameFields::Documented).history_page(2);
        let mut world = World::new(settings, 1);
        let ada = with_delivery(&mut world, delivery);
        for text in ["one", "two", "three"] {
            let ask = world.ask(ada, text);
            world.reply(ada, ask);
        }
        let cut = Fault::new(InjectionPoint::MessageSend, Effect::CutAfter);
        add(&mut world, cut);
        add(&mut world, each_call_once());
        let send = world.send(ada, "Hello");
        let Ok(Outcome::Sent(sent)) = world.answer(ada, send) else { panic!("not sent: {delivery:?}") };
        assert_eq!((sent.confirmed_by, taken(&mut world)), (Confirmation::Query, 4), "{delivery:?}");
    }
}

#[test]
fn a_look_up_that_fails_for_a_while_is_made_again_within_the_deadline() {
    for fields in FrameFields::ALL {
        let mut world = World::new(Settings::default().frame_fields(*fields), 1);
        let ada = with_delivery(&mut world, Delivery::Checked);
        add(&mut world, bad_gateway(InjectionPoint::MessageSend));
        add(&mut world, bad_gateway(InjectionPoint::MessageLatest).times(8));
        add(&mut world, bad_gateway(InjectionPoint::MessageQuery).times(8));
        let ask = world.ask(ada, "Hello");
        assert_eq!(world.reply(ada, ask), "You said: Hello", "{fields}");
        assert_eq!(taken(&mut world), 1, "{fields}");
    }
}
