//! The carrier as a program: `provider-stand-in [127.0.0.1:9090]`.

use std::process::ExitCode;

use provider_stand_in::Provider;

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:9090");
    let started = match address.parse() {
        Ok(address) => Provider::start_at(address).await,
        Err(_) => {
            eprintln!("error: {address} is no address such as 127.0.0.1:9090");
            return ExitCode::FAILURE;
        }
    };
    match started {
        Ok(provider) => {
            let account = provider.account();
            println!(
                "TWILIO_BASE_URL={}\naccount {} token {}",
                provider.url(),
                account.sid,
                account.token
            );
            provider
                .serve_until(async {
                    let _ = tokio::signal::ctrl_c().await;
                })
                .await;
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("error: {address} cannot be listened on: {fault}");
            ExitCode::FAILURE
        }
    }
}
